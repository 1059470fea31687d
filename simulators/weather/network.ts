import { monotonicMs, type EpochMs } from '../../src/core/brand.ts';
import { REJECTIONS } from '../../src/core/shadow/rejection.ts';
import type { ShadowDocument } from '../../src/core/shadow/document.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { parseShadowTopic, shadowTopic, type ShadowOperation } from '../../src/protocol/topics.ts';
import { topicMatcher } from '../../src/protocol/topic-filter.ts';
import { AWS_RULES } from '../../src/core/shadow/limits.ts';
import { ShadowService, type ServiceRequest } from '../shadow-service/shadow-service.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import type { Coverage } from '../world/coverage.ts';
import type { Sighting } from '../world/sighting.ts';
import { PresenceEvents } from './presence-events.ts';
import { fairWeather, type Weather } from './weather.ts';

export type Direction = 'up' | 'down' | 'both';

/** `road` names the messages that must keep their order: what one client sends. Undefined: in any order. */
export type Hold = (road: string | undefined, arrive: () => void) => void;

/** A client's end of a connection, as the broker sees it. */
export interface Peer {
  readonly clientId: string;
  /** Not the one that the id was given to. */
  readonly clone?: true;
  /** A message arrives. */
  receive(topic: string, payload: Uint8Array): void;
  /** The connection is gone; `code` in the words of the transport port. */
  lost(code: string, detail: string): void;
}

interface Session {
  readonly peer: Peer;
  /** By filter. */
  readonly matchers: Map<string, (topic: string) => boolean>;
  /** When the last message in each direction arrives, so that nothing overtakes by accident. */
  upFreeAt: number;
  downFreeAt: number;
  open: boolean;
}

/** What is kept for a client that is away. */
interface Held {
  readonly matchers: readonly ((topic: string) => boolean)[];
  readonly messages: { readonly topic: string; readonly payload: Uint8Array }[];
}

/** 1.5 times a keep-alive of 30 s: how long a silent connection is believed (R93). */
const KEEP_ALIVE_MS = 45_000;
/** Longer than this in flight and no client would still wait for it. */
const DELAY_MS_MAX = 8_000;
const SERVICE_MS = 2;
const HELD_MESSAGES_MAX = 50;

/**
 * Broker, shadow service and everything between them and the clients, under one clock. Each message is a timer; what can
 * happen to it is drawn from the weather. Connections deliver in order unless the weather says otherwise.
 */
export class Network {
  weather: Weather = fairWeather();
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #service: ShadowService;
  readonly #emit: (sighting: Sighting) => void;
  readonly #coverage: Coverage;
  readonly #presence = new PresenceEvents();
  readonly #sessions = new Map<string, Session>();
  readonly #partitions = new Map<string, Direction>();
  readonly #held = new Map<string, Held>();
  #routes = new Map<string, Session[]>();
  readonly #hold: Hold | undefined;
  #brokerDown = false;

  constructor(options: {
    readonly clock: Clock;
    readonly random: SeededRandom;
    readonly emit: (sighting: Sighting) => void;
    readonly coverage: Coverage;
    /** How long the service remembers the version of a deleted shadow (R49). */
    readonly tombstoneSeconds: number;
    /** Takes every message on the wire instead of a timer; for runs in which somebody else decides on the order. */
    readonly hold?: Hold;
  }) {
    this.#hold = options.hold;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#emit = options.emit;
    this.#coverage = options.coverage;
    this.#service = new ShadowService({
      rules: { ...AWS_RULES, tombstoneSeconds: options.tombstoneSeconds },
      listened: (ref, kind) => this.#routeOf(shadowTopic(ref, kind)).length > 0,
    });
  }

  document(ref: ShadowRef): ShadowDocument | undefined {
    const entry = this.#service.store.entry(ref);
    return entry !== undefined && 'record' in entry ? entry.record.document : undefined;
  }

  delta(ref: ShadowRef): unknown {
    const entry = this.#service.store.entry(ref);
    return entry !== undefined && 'record' in entry ? entry.record.delta : undefined;
  }

  get clients(): string[] {
    return [...this.#sessions.keys()];
  }

  // What clients do.

  /** Whether a connect attempt made now would work. */
  reachable(clientId: string): boolean {
    const partition = this.#partitions.get(clientId);
    if (partition !== undefined) this.#coverage.hit(`network.partition.${partition}`);
    return !this.#brokerDown && partition === undefined;
  }

  /** The client is connected from now on; whoever held its id is thrown out. */
  connect(peer: Peer): void {
    const { clientId } = peer;
    if (this.#sessions.has(clientId)) {
      this.#coverage.hit(peer.clone === true ? 'network.cloned' : 'network.ghostThrownOut');
      this.#close(clientId, 'DUPLICATE_CLIENTID', { code: 'taken_over', detail: 'another client took the id' });
    }
    this.#sessions.set(clientId, { peer, matchers: new Map(), upFreeAt: 0, downFreeAt: 0, open: true });
    this.#announce(this.#presence.connected(clientId, this.#now()));
    this.#scheduleBreak(clientId);
    this.#replay(clientId);
  }

  subscribe(peer: Peer, filters: readonly string[]): boolean {
    const session = this.#sessionOf(peer);
    if (session === undefined) return false;
    for (const filter of filters) session.matchers.set(filter, topicMatcher(filter));
    this.#routes.clear();
    return true;
  }

  unsubscribe(peer: Peer, filter: string): void {
    if (this.#sessionOf(peer)?.matchers.delete(filter) === true) this.#routes.clear();
  }

  disconnect(peer: Peer): void {
    if (this.#sessionOf(peer) !== undefined) this.#close(peer.clientId, 'CLIENT_INITIATED_DISCONNECT', undefined);
  }

  /** The client's process died: the broker learns of it from the closed socket, or only by silence. */
  vanished(peer: Peer): void {
    const session = this.#sessionOf(peer);
    if (session === undefined) return;
    const noticedMs = this.#random.chance(0.5) ? 5 : KEEP_ALIVE_MS;
    this.#after(noticedMs, () => {
      if (session.open) this.#close(peer.clientId, 'CONNECTION_LOST', undefined);
    });
  }

  /** `acknowledged` runs if and when the PUBACK arrives. */
  publish(peer: Peer, topic: string, payload: Uint8Array, acknowledged: () => void): void {
    const session = this.#sessionOf(peer);
    if (session === undefined || this.#blocked(peer.clientId, 'up')) return;
    const lost = this.#lost();
    const arrive = (): void => {
      if (session.open && !this.#brokerDown && !lost) this.#arrived(peer.clientId, topic, payload);
    };
    // What one client sends on one connection arrives in order: that is TCP, and no broker changes it.
    session.upFreeAt = this.#transit(session.upFreeAt, 0, peer.clientId, () => {
      arrive();
      if (session.open && !this.#blocked(peer.clientId, 'down') && !this.#ackLost()) this.#down(session, acknowledged);
    });
    // The service itself may handle a message twice; not long after, or it would undo what came in between.
    if (!lost && this.#doubled()) {
      const again = monotonicMs(session.upFreeAt + this.#random.integer(1, 30));
      this.#clock.at(again, () => this.#copied(session, arrive));
    }
  }

  /** What a SUBACK takes longer than it should. */
  subackDelay(): number {
    const { subackMs } = this.weather;
    if (subackMs === 0) return 0;
    const lateMs = this.#random.integer(0, subackMs);
    if (lateMs > 0) this.#coverage.hit('network.lateSuback');
    return lateMs;
  }

  /** A request that comes by another road than MQTT: another team's backend, over HTTP. */
  request(client: string, ref: ShadowRef, operation: ShadowOperation, payload: string): void {
    this.#after(this.#latency(), () => this.#serve(client, { ref, operation, payload: Buffer.from(payload) }));
  }

  /** Somebody publishes to a topic by hand: poison, forgeries. */
  inject(topic: string, payload: Uint8Array): void {
    if (this.#routeOf(topic).length > 0) this.#coverage.hit('network.poison');
    this.#fanOut(topic, payload);
  }

  // What the world does.

  partition(clientId: string, direction: Direction): void {
    this.#partitions.set(clientId, direction);
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    this.#after(KEEP_ALIVE_MS, () => {
      if (!session.open || this.#partitions.get(clientId) !== direction) return;
      this.#close(clientId, 'MQTT_KEEP_ALIVE_TIMEOUT', { code: 'closed', detail: 'keep-alive' });
    });
  }

  mend(clientId: string): void {
    this.#partitions.delete(clientId);
  }

  mendAll(): void {
    this.#partitions.clear();
    this.#brokerDown = false;
  }

  cut(clientId: string): void {
    if (!this.#sessions.has(clientId)) return;
    this.#coverage.hit('network.connectionLost');
    this.#close(clientId, 'CONNECTION_LOST', { code: 'closed', detail: 'reset by peer' });
  }

  /** A cloned image connects with the same id, for a moment. */
  impersonate(clientId: string): void {
    if (!this.#sessions.has(clientId)) return;
    const clone: Peer = { clientId, clone: true, receive: () => undefined, lost: () => undefined };
    this.connect(clone);
    this.#after(200, () => this.disconnect(clone));
  }

  restartBroker(downMs: number): void {
    this.#coverage.hit('network.brokerRestart');
    this.#brokerDown = true;
    this.#held.clear();
    for (const clientId of [...this.#sessions.keys()]) {
      this.#close(clientId, 'SERVER_INITIATED_DISCONNECT', { code: 'closed', detail: 'broker restart' });
    }
    this.#after(downMs, () => {
      this.#brokerDown = false;
    });
  }

  // Inside the broker.

  #arrived(clientId: string, topic: string, payload: Uint8Array): void {
    this.#emit({ type: 'wire', client: clientId, topic, payload: textOf(payload) });
    const parsed = topic.startsWith('$aws/things/') ? parseShadowTopic(topic) : undefined;
    const kind = parsed?.kind;
    if (parsed !== undefined && (kind === 'get' || kind === 'update' || kind === 'delete')) {
      this.#after(SERVICE_MS, () => this.#serve(clientId, { ref: parsed.ref, operation: kind, payload }));
      return;
    }
    this.#fanOut(topic, payload);
  }

  #serve(client: string, request: ServiceRequest): void {
    const { ref, operation } = request;
    const refusal = this.#refusal();
    const before = this.document(ref);
    const answer =
      refusal === undefined ? this.#service.handle(request, this.#now()) : this.#service.reject(request, refusal);
    const after = this.document(ref);
    this.#emit({
      type: 'service',
      client,
      ref,
      operation,
      code: answer.code,
      payload: textOf(request.payload),
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    });
    for (const { kind, body } of answer.messages) this.#fanOut(shadowTopic(ref, kind), Buffer.from(body));
  }

  #refusal(): (typeof REJECTIONS)['internal'] | undefined {
    const { throttle, internalError } = this.weather;
    if (throttle > 0 && this.#random.chance(throttle)) {
      this.#coverage.hit('service.throttled');
      return REJECTIONS.tooManyRequests;
    }
    if (internalError > 0 && this.#random.chance(internalError)) {
      this.#coverage.hit('service.internalError');
      return REJECTIONS.internal;
    }
    return undefined;
  }

  #fanOut(topic: string, payload: Uint8Array): void {
    for (const session of this.#routeOf(topic)) this.#send(session, topic, payload);
    if (!this.weather.sessionReplay) return;
    for (const { matchers, messages } of this.#held.values()) {
      if (messages.length < HELD_MESSAGES_MAX && matchers.some((matches) => matches(topic))) {
        messages.push({ topic, payload });
      }
    }
  }

  #send(session: Session, topic: string, payload: Uint8Array): void {
    const { peer } = session;
    if (this.#blocked(peer.clientId, 'down') || this.#lost()) return;
    const arrive = (): void => peer.receive(topic, payload);
    this.#down(session, arrive);
    if (!this.#doubled()) return;
    this.#after(this.#latency() + this.#random.integer(0, 5_000), () => this.#copied(session, arrive));
  }

  #down(session: Session, arrive: () => void): void {
    session.downFreeAt = this.#transit(session.downFreeAt, this.weather.reorder, undefined, () => {
      if (session.open && !this.#blocked(session.peer.clientId, 'down')) arrive();
    });
  }

  /** Sends something on its way; returns when the road is free for the next message. */
  #transit(freeAt: number, reorder: number, road: string | undefined, arrive: () => void): number {
    if (this.#hold !== undefined) {
      this.#hold(road, arrive);
      return freeAt;
    }
    const now = this.#clock.monotonic();
    const { reorderMs } = this.weather;
    let due = now + this.#latency();
    if (reorder > 0 && this.#random.chance(reorder)) {
      this.#coverage.hit('network.reorder');
      due += this.#random.integer(0, reorderMs);
      this.#clock.at(monotonicMs(due), arrive);
      return freeAt; // others need not wait for it
    }
    due = Math.max(due, freeAt);
    this.#clock.at(monotonicMs(due), arrive);
    return due;
  }

  #latency(): number {
    const base = this.#random.integer(2, 12);
    const { delayMeanMs } = this.weather;
    if (delayMeanMs === 0) return base;
    this.#coverage.hit('network.delay');
    return Math.min(DELAY_MS_MAX, base + Math.round(-Math.log(1 - this.#random.fraction()) * delayMeanMs));
  }

  #lost(): boolean {
    if (this.weather.loss === 0 || !this.#random.chance(this.weather.loss)) return false;
    this.#coverage.hit('network.loss');
    return true;
  }

  #ackLost(): boolean {
    if (this.weather.ackLoss === 0 || !this.#random.chance(this.weather.ackLoss)) return false;
    this.#coverage.hit('network.ackLoss');
    return true;
  }

  #doubled(): boolean {
    return this.weather.duplicate > 0 && this.#random.chance(this.weather.duplicate);
  }

  #copied({ open }: Session, arrive: () => void): void {
    if (!open) return;
    this.#coverage.hit('network.duplicate');
    arrive();
  }

  #blocked(clientId: string, direction: 'up' | 'down'): boolean {
    const partition = this.#partitions.get(clientId);
    if (partition !== direction && partition !== 'both') return false;
    this.#coverage.hit(`network.partition.${partition}`);
    return true;
  }

  #close(clientId: string, why: string, told: { code: string; detail: string } | undefined): void {
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    session.open = false;
    this.#sessions.delete(clientId);
    this.#routes.clear();
    if (this.weather.sessionReplay && !this.#brokerDown) {
      this.#held.set(clientId, { matchers: [...session.matchers.values()], messages: [] });
    }
    this.#announce(this.#presence.disconnected(clientId, why, this.#now()));
    if (told !== undefined) session.peer.lost(told.code, told.detail);
  }

  /** What was kept for a client that was away: old deltas arrive after whatever it asks for now (A6). */
  #replay(clientId: string): void {
    const held = this.#held.get(clientId);
    this.#held.delete(clientId);
    const session = this.#sessions.get(clientId);
    if (held === undefined || session === undefined) return;
    held.messages.forEach(({ topic, payload }, index) => {
      // Ten a second, as the service replays them (R84).
      this.#after(index * 100 + this.#latency(), () => {
        if (!session.open) return;
        this.#coverage.hit('network.sessionReplay');
        session.peer.receive(topic, payload);
      });
    });
  }

  #announce(event: { topic: string; payload: string } | undefined): void {
    if (event === undefined) return;
    const payload = Buffer.from(event.payload);
    const bad = this.weather.loss + this.weather.duplicate + this.weather.reorder > 0;
    if (bad && this.#random.chance(0.2)) {
      this.#coverage.hit('presence.late');
      this.#after(this.#random.integer(1_000, 30_000), () => this.#fanOut(event.topic, payload));
      return;
    }
    this.#after(20, () => this.#fanOut(event.topic, payload));
    if (bad && this.#random.chance(0.2)) {
      this.#coverage.hit('presence.duplicate');
      this.#after(this.#random.integer(50, 5_000), () => this.#fanOut(event.topic, payload));
    }
  }

  #scheduleBreak(clientId: string): void {
    const { breaksPerHour } = this.weather;
    if (breaksPerHour === 0) return;
    const session = this.#sessions.get(clientId);
    const inMs = Math.round((-Math.log(1 - this.#random.fraction()) * 3_600_000) / breaksPerHour);
    this.#after(inMs, () => {
      if (session?.open === true && this.weather.breaksPerHour > 0) this.cut(clientId);
    });
  }

  #sessionOf(peer: Peer): Session | undefined {
    const session = this.#sessions.get(peer.clientId);
    return session?.peer === peer ? session : undefined;
  }

  #routeOf(topic: string): Session[] {
    let route = this.#routes.get(topic);
    if (route === undefined) {
      route = [...this.#sessions.values()].filter(({ matchers }) =>
        [...matchers.values()].some((matches) => matches(topic)),
      );
      this.#routes.set(topic, route);
    }
    return route;
  }

  #now(): EpochMs {
    return this.#clock.wall();
  }

  #after(delayMs: number, action: () => void): void {
    this.#clock.at(monotonicMs(this.#clock.monotonic() + delayMs), action);
  }
}

function textOf(payload: Uint8Array): string {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
}
