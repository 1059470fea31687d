import type { LinkEvents } from '../../src/adapters/mqtt/link.ts';
import type { Backoff } from '../../src/adapters/mqtt/mqtt-transport.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { OutgoingMessage } from '../../src/ports/transport.ts';
import { topicMatcher } from '../../src/protocol/topic-filter.ts';
import type { Pipe } from './pipe.ts';

export interface ClientOptions {
  readonly clientId: string;
  readonly will?: OutgoingMessage;
  readonly keepAliveMs?: number;
  readonly connectTimeoutMs?: number;
  readonly publishTimeoutMs?: number;
  readonly backoff?: Backoff;
  /** Of the client's process, where it differs from the network's: a device whose wall clock is wrong. */
  readonly clock?: Clock;
}

export type ClientSettings = ClientOptions & Required<Pick<ClientOptions, 'keepAliveMs'>>;

export type SessionEvent =
  | { readonly type: 'connected'; readonly clientId: string }
  | { readonly type: 'disconnected'; readonly clientId: string; readonly how: SessionEnd };

export type SessionEnd = 'farewell' | 'lost' | 'keep_alive' | 'taken_over' | 'broker_gone';

/** What a link needs of the network. */
export interface BrokerSide {
  /** Opens the way; the broker has not answered yet. */
  dial(settings: ClientSettings, events: LinkEvents): Session;
  /** The broker reads CONNECT; false if there is no broker. */
  admit(session: Session): boolean;
  /** A message reaches the broker. */
  arrive(session: Session, topic: string, payload: Uint8Array): void;
  losesAck(session: Session): boolean;
  forbids(filter: string): boolean;
  /** The broker sees the end of a connection. */
  end(session: Session, how: SessionEnd): void;
}

export interface SessionPart {
  readonly clientId: string;
  readonly will: OutgoingMessage | undefined;
  readonly keepAliveMs: number;
  readonly up: Pipe;
  readonly down: Pipe;
  readonly events: LinkEvents;
}

/** One connection as both ends see it, from CONNECT to its end. */
export class Session {
  readonly clientId: string;
  readonly will: OutgoingMessage | undefined;
  readonly keepAliveMs: number;
  readonly up: Pipe;
  readonly down: Pipe;
  readonly #events: LinkEvents;
  readonly #filters = new Map<string, (topic: string) => boolean>();
  /** The client's end is open: it has not left and has not been told of an end. */
  #clientOpen = true;

  constructor({ clientId, will, keepAliveMs, up, down, events }: SessionPart) {
    this.clientId = clientId;
    this.will = will;
    this.keepAliveMs = keepAliveMs;
    this.up = up;
    this.down = down;
    this.#events = events;
  }

  subscribe(filter: string): void {
    this.#filters.set(filter, topicMatcher(filter));
  }

  unsubscribe(filter: string): void {
    this.#filters.delete(filter);
  }

  wants(topic: string): boolean {
    return [...this.#filters.values()].some((matches) => matches(topic));
  }

  receive(topic: string, payload: Uint8Array): void {
    if (this.#clientOpen) this.#events.message(topic, payload);
  }

  /** The client left by itself and wants to hear nothing more. */
  leave(): void {
    this.#clientOpen = false;
  }

  /** The client notices that the connection is gone. */
  tellClosed(code: string, detail: string): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#events.closed(code, detail);
  }
}
