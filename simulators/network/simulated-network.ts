import type { LinkEvents } from '../../src/adapters/mqtt/link.ts';
import {
  BACKOFF,
  CONNECT_TIMEOUT_MS,
  MqttTransport,
  PUBLISH_TIMEOUT_MS,
} from '../../src/adapters/mqtt/mqtt-transport.ts';
import { monotonicMs } from '../../src/core/brand.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';
import { SILENT, type Log } from '../../src/ports/log.ts';
import type { IncomingMessage, Transport } from '../../src/ports/transport.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import { CALM, type Conditions } from './conditions.ts';
import { Pipe } from './pipe.ts';
import {
  Session,
  type BrokerSide,
  type ClientOptions,
  type ClientSettings,
  type SessionEnd,
  type SessionEvent,
} from './session.ts';

import { SimulatedLink } from './simulated-link.ts';

export interface NetworkPorts {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly log?: Log;
}

/** A message as the broker saw it: what checkers judge by. */
export interface WireMessage extends IncomingMessage {
  readonly from: string;
  readonly will: boolean;
}

/**
 * A broker and the ways to it, in this process, on a clock and a seed: the same seed gives the same messages at the
 * same times. Conditions can be set for everybody or for one client, and at any time.
 */
export class SimulatedNetwork implements BrokerSide {
  readonly clock: Clock;
  readonly #random: SeededRandom;
  readonly #log: Log;
  readonly #sessions = new Map<string, Session>();
  /** Dialled and not ended, admitted or not. */
  readonly #dialled = new Set<Session>();
  readonly #forbidden = new Set<string>();
  readonly #observers = new Set<(message: WireMessage) => void>();
  readonly #sessionListeners = new Set<(event: SessionEvent) => void>();
  readonly #conditionsOf = new Map<string, Conditions>();
  readonly #frozen = new Set<string>();
  #conditions = CALM;
  #allFrozen = false;
  #present = true;

  constructor({ clock, random, log = SILENT }: NetworkPorts) {
    this.clock = clock;
    this.#random = random;
    this.#log = log;
  }

  /** A client that was not started. */
  client(options: ClientOptions): Transport {
    const settings: ClientSettings = { keepAliveMs: 30_000, ...options };
    const policy = {
      clientId: options.clientId,
      url: 'the simulated network',
      connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      publishTimeoutMs: options.publishTimeoutMs ?? PUBLISH_TIMEOUT_MS,
      backoff: options.backoff ?? BACKOFF,
    };
    const random = this.#random.fork(`client ${options.clientId}`);
    const ports = { clock: options.clock ?? this.clock, random, log: this.#log };
    return new MqttTransport(policy, new SimulatedLink(this, settings), ports);
  }

  /** Every message that reached the broker, before anybody receives it. */
  observe(observer: (message: WireMessage) => void): Cancel {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  onSession(listener: (event: SessionEvent) => void): Cancel {
    this.#sessionListeners.add(listener);
    return () => this.#sessionListeners.delete(listener);
  }

  /** The broker itself speaks, or a service that lives in it. Observers do not hear it. */
  publish(topic: string, payload: Uint8Array): void {
    for (const session of this.#sessions.values()) {
      if (session.wants(topic)) session.down.sendMessage(() => session.receive(topic, payload));
    }
  }

  /** Whether anybody listens to a topic. */
  wanted(topic: string): boolean {
    return [...this.#sessions.values()].some((session) => session.wants(topic));
  }

  setConditions(conditions: Conditions, clientId?: string): void {
    if (clientId === undefined) this.#conditions = conditions;
    else this.#conditionsOf.set(clientId, conditions);
  }

  /** Back to the conditions of everybody. */
  clearConditions(clientId: string): void {
    this.#conditionsOf.delete(clientId);
  }

  forbid(filter: string): void {
    this.#forbidden.add(filter);
  }

  /** Bytes stop moving; both ends find out by their keep-alive. `direction` up is from the client to the broker. */
  freeze(clientId?: string, direction: 'up' | 'down' | 'both' = 'both'): void {
    if (clientId === undefined) this.#allFrozen = true;
    else this.#frozen.add(clientId);
    for (const session of this.#of(clientId)) {
      if (direction !== 'down') session.up.freeze();
      if (direction !== 'up') session.down.freeze();
      this.#watchKeepAlive(session);
    }
  }

  thaw(clientId?: string): void {
    if (clientId === undefined) {
      this.#allFrozen = false;
      this.#frozen.clear();
    } else {
      this.#frozen.delete(clientId);
    }
    for (const session of this.#of(clientId)) {
      session.up.thaw();
      session.down.thaw();
    }
  }

  /** Connections end without a word, noticed at both ends at once. */
  cut(clientId?: string): void {
    for (const session of this.#of(clientId)) {
      this.end(session, 'lost');
      session.tellClosed('closed', 'connection reset');
    }
  }

  /** The broker goes down: no wills, no subscriptions, nobody answers until `bringBack`. */
  takeAway(): void {
    this.#present = false;
    for (const session of this.#of()) {
      this.end(session, 'broker_gone');
      session.tellClosed('closed', 'the broker is gone');
    }
  }

  bringBack(): void {
    this.#present = true;
  }

  dial({ clientId, will, keepAliveMs }: ClientSettings, events: LinkEvents): Session {
    const pipe = (direction: string) => {
      const random = this.#random.fork(`${clientId} ${direction} ${this.clock.monotonic()}`);
      return new Pipe(this.clock, random, () => this.#conditionsOf.get(clientId) ?? this.#conditions);
    };
    const session = new Session({ clientId, will, keepAliveMs, up: pipe('up'), down: pipe('down'), events });
    this.#dialled.add(session);
    if (this.#isFrozen(clientId)) {
      session.up.freeze();
      session.down.freeze();
    }
    return session;
  }

  admit(session: Session): boolean {
    if (!this.#present) return false;
    const earlier = this.#sessions.get(session.clientId);
    if (earlier !== undefined) {
      this.end(earlier, 'taken_over');
      earlier.tellClosed('taken_over', 'another client connected with this id');
    }
    this.#sessions.set(session.clientId, session);
    this.#tell({ type: 'connected', clientId: session.clientId });
    return true;
  }

  arrive(session: Session, topic: string, payload: Uint8Array): void {
    if (this.#sessions.get(session.clientId) === session) this.#route(session.clientId, topic, payload, false);
  }

  losesAck({ clientId }: Session): boolean {
    return this.#random.chance((this.#conditionsOf.get(clientId) ?? this.#conditions).ackLoss);
  }

  forbids(filter: string): boolean {
    return this.#forbidden.has(filter);
  }

  end(session: Session, how: SessionEnd): void {
    session.up.end();
    session.down.end();
    this.#dialled.delete(session);
    if (this.#sessions.get(session.clientId) !== session) return;
    this.#sessions.delete(session.clientId);
    this.#tell({ type: 'disconnected', clientId: session.clientId, how });
    const { will } = session;
    if (will === undefined || how === 'farewell' || how === 'broker_gone') return;
    const bytes = typeof will.payload === 'string' ? new TextEncoder().encode(will.payload) : will.payload;
    this.#route(session.clientId, will.topic, bytes, true);
  }

  #route(from: string, topic: string, payload: Uint8Array, will: boolean): void {
    for (const observer of [...this.#observers]) observer({ from, topic, payload, will });
    this.publish(topic, payload);
  }

  /** The broker waits one and a half keep-alives, the client one and a time-out of its own. */
  #watchKeepAlive(session: Session): void {
    const after = (ms: number, look: () => void) =>
      this.clock.at(monotonicMs(this.clock.monotonic() + ms), () => {
        if (this.#isFrozen(session.clientId) && this.#dialled.has(session)) look();
      });
    after(session.keepAliveMs * 1.3, () => session.tellClosed('closed', 'keep alive: no answer to a ping'));
    after(session.keepAliveMs * 1.5, () => this.end(session, 'keep_alive'));
  }

  #isFrozen(clientId: string): boolean {
    return this.#allFrozen || this.#frozen.has(clientId);
  }

  #of(clientId?: string): Session[] {
    return [...this.#dialled].filter((session) => clientId === undefined || session.clientId === clientId);
  }

  #tell(event: SessionEvent): void {
    for (const listener of [...this.#sessionListeners]) listener(event);
  }
}
