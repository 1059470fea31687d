import type { ShadowDocument } from '../../src/core/shadow/document.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { ShadowOperation } from '../../src/protocol/topics.ts';
import type { Sighting } from '../world/sighting.ts';
import { Elements, type ElementsOptions } from './elements.ts';
import { Passage, type Direction, type Hold } from './passage.ts';
import { PresenceEvents } from './presence-events.ts';
import { ServedShadows } from './served-shadows.ts';
import type { Peer, Session } from './session.ts';
import { Sessions } from './sessions.ts';
import { fairWeather } from './weather.ts';

export interface NetworkOptions extends ElementsOptions {
  readonly emit: (sighting: Sighting) => void;
  /** How long the service remembers the version of a deleted shadow (R49). */
  readonly tombstoneSeconds: number;
  /** Takes every message on the wire instead of a timer; for runs in which somebody else decides on the order. */
  readonly hold?: Hold;
}

/** 1.5 times a keep-alive of 30 s: how long a silent connection is believed (R93). */
const KEEP_ALIVE_MS = 45_000;

/**
 * Broker, shadow service and everything between them and the clients, under one clock. What can happen to a message is
 * drawn from the weather.
 */
export class Network {
  readonly #emit: (sighting: Sighting) => void;
  readonly #elements: Elements;
  readonly #passage: Passage;
  readonly #sessions: Sessions;
  readonly #shadows: ServedShadows;
  readonly #presence: PresenceEvents;
  #brokerDown = false;

  constructor(options: NetworkOptions) {
    const { emit, tombstoneSeconds, hold } = options;
    this.#emit = emit;
    const elements = new Elements(options);
    this.#elements = elements;
    this.#passage = new Passage(elements, hold);
    const sessions = new Sessions(elements, this.#passage);
    this.#sessions = sessions;
    this.#shadows = new ServedShadows({ elements, sessions, emit, tombstoneSeconds });
    this.#presence = new PresenceEvents(elements, sessions);
  }

  document(ref: ShadowRef): ShadowDocument | undefined {
    return this.#shadows.document(ref);
  }

  // What clients do.

  /** Whether a connect attempt made now would work. */
  reachable(clientId: string): boolean {
    return this.#passage.isOpen(clientId) && !this.#brokerDown;
  }

  /** The client is connected from now on; whoever held its id is thrown out. */
  connect(peer: Peer): void {
    const { clientId } = peer;
    const former = this.#sessions.by(clientId);
    if (former !== undefined) {
      this.#elements.hit(peer.clone === true ? 'network.cloned' : 'network.ghostThrownOut');
      this.#close(former, 'DUPLICATE_CLIENTID', { code: 'taken_over', detail: 'another client took the id' });
    }
    const session = this.#sessions.open(peer);
    this.#presence.connected(clientId);
    this.#scheduleBreak(session);
    this.#sessions.replayTo(session);
  }

  subscribe(peer: Peer, filters: readonly string[]): boolean {
    const session = this.#sessions.of(peer);
    if (session === undefined) return false;
    this.#sessions.subscribe(session, filters);
    return true;
  }

  unsubscribe(peer: Peer, filter: string): void {
    const session = this.#sessions.of(peer);
    if (session !== undefined) this.#sessions.unsubscribe(session, filter);
  }

  /** What a SUBACK takes longer than it should. */
  subackDelay(): number {
    return this.#elements.subackDelay();
  }

  disconnect(peer: Peer): void {
    const session = this.#sessions.of(peer);
    if (session !== undefined) this.#close(session, 'CLIENT_INITIATED_DISCONNECT');
  }

  /** The client's process died: the broker learns of it from the closed socket, or only by silence. */
  vanished(peer: Peer): void {
    const session = this.#sessions.of(peer);
    if (session === undefined) return;
    const noticedMs = this.#elements.random.chance(0.5) ? 5 : KEEP_ALIVE_MS;
    this.#elements.after(noticedMs, () => this.#close(session, 'CONNECTION_LOST'));
  }

  /** `acknowledged` runs if and when the PUBACK arrives. */
  publish(peer: Peer, topic: string, payload: Uint8Array, acknowledged: () => void): void {
    this.#sessions.of(peer)?.publish(() => this.#arrived(peer.clientId, topic, payload), acknowledged);
  }

  /** A request that comes by another road than MQTT: another team's backend, over HTTP. */
  request(client: string, ref: ShadowRef, operation: ShadowOperation, payload: string): void {
    this.#shadows.request(client, { ref, operation, payload: Buffer.from(payload) });
  }

  /** Somebody publishes to a topic by hand: poison, forgeries. */
  inject(topic: string, payload: Uint8Array): void {
    if (this.#sessions.listened(topic)) this.#elements.hit('network.poison');
    this.#sessions.fanOut(topic, payload);
  }

  // What the world does.

  partition(clientId: string, direction: Direction): void {
    this.#passage.partition(clientId, direction);
    const session = this.#sessions.by(clientId);
    if (session === undefined) return;
    this.#elements.after(KEEP_ALIVE_MS, () => {
      if (this.#passage.partitionOf(clientId) !== direction) return;
      this.#close(session, 'MQTT_KEEP_ALIVE_TIMEOUT', { code: 'closed', detail: 'keep-alive' });
    });
  }

  mend(clientId: string): void {
    this.#passage.mend(clientId);
  }

  /** A cloned image connects with the same id, for a moment. */
  impersonate(clientId: string): void {
    if (this.#sessions.by(clientId) === undefined) return;
    const clone: Peer = { clientId, clone: true, receive: () => undefined, lost: () => undefined };
    this.connect(clone);
    this.#elements.after(200, () => this.disconnect(clone));
  }

  restartBroker(downMs: number): void {
    this.#elements.hit('network.brokerRestart');
    this.#brokerDown = true;
    this.#sessions.forgetHeld();
    for (const session of this.#sessions.all) {
      this.#close(session, 'SERVER_INITIATED_DISCONNECT', { code: 'closed', detail: 'broker restart' });
    }
    this.#elements.after(downMs, () => {
      this.#brokerDown = false;
    });
  }

  /** Fair weather from now on, and everybody reaches the broker. What is on its way stays on its way. */
  heal(): void {
    this.#elements.weather = fairWeather();
    this.#passage.mendAll();
    this.#brokerDown = false;
  }

  // Inside the broker.

  #arrived(client: string, topic: string, payload: Uint8Array): void {
    if (this.#brokerDown) return;
    this.#emit({ type: 'wire', client, topic, payload: Buffer.from(payload).toString('utf8') });
    if (!this.#shadows.receive(client, topic, payload)) this.#sessions.fanOut(topic, payload);
  }

  /** Ends a session, unless it has ended; the client learns of it only if it is told. */
  #close(session: Session, why: string, told?: { readonly code: string; readonly detail: string }): void {
    if (!session.open) return;
    this.#sessions.close(session);
    if (!this.#brokerDown) this.#sessions.hold(session);
    this.#presence.disconnected(session.peer.clientId, why);
    if (told !== undefined) session.peer.lost(told.code, told.detail);
  }

  #scheduleBreak(session: Session): void {
    const afterMs = this.#elements.breakAfter();
    if (afterMs === undefined) return;
    this.#elements.after(afterMs, () => {
      if (!session.open || this.#elements.weather.breaksPerHour === 0) return;
      this.#elements.hit('network.connectionLost');
      this.#close(session, 'CONNECTION_LOST', { code: 'closed', detail: 'reset by peer' });
    });
  }
}
