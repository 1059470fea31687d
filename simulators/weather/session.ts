import { topicMatcher } from '../../src/protocol/topic-filter.ts';
import type { Elements } from './elements.ts';
import type { Passage } from './passage.ts';

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

/**
 * One connection of a client, from CONNECT to its end: what it has subscribed to, and its messages in both directions.
 * They arrive in order unless the weather says otherwise.
 */
export class Session {
  readonly peer: Peer;
  readonly #elements: Elements;
  readonly #passage: Passage;
  /** By filter. */
  readonly #matchers = new Map<string, (topic: string) => boolean>();
  /** When the last message in each direction arrives. */
  #upFreeAt = 0;
  #downFreeAt = 0;
  #open = true;

  constructor(peer: Peer, elements: Elements, passage: Passage) {
    this.peer = peer;
    this.#elements = elements;
    this.#passage = passage;
  }

  get open(): boolean {
    return this.#open;
  }

  close(): void {
    this.#open = false;
  }

  subscribe(filter: string): void {
    this.#matchers.set(filter, topicMatcher(filter));
  }

  /** True if there was such a subscription. */
  unsubscribe(filter: string): boolean {
    return this.#matchers.delete(filter);
  }

  wants(topic: string): boolean {
    return [...this.#matchers.values()].some((matches) => matches(topic));
  }

  /** From the client. `arrived` runs each time the message reaches the broker, `acknowledged` if the PUBACK gets back. */
  publish(arrived: () => void, acknowledged: () => void): void {
    const { clientId } = this.peer;
    const elements = this.#elements;
    if (this.#passage.blocks(clientId, 'up')) return;
    const lost = this.#loses();
    const arrive = (): void => {
      if (this.#open && !lost) arrived();
    };
    // What one client sends on one connection arrives in order: that is TCP, and no broker changes it.
    this.#upFreeAt = this.#passage.send({
      freeAt: this.#upFreeAt,
      reorder: 0,
      road: clientId,
      arrive: () => {
        arrive();
        if (this.#open && !this.#passage.blocks(clientId, 'down') && !this.#losesAck()) this.#down(acknowledged);
      },
    });
    // The service itself may handle a message twice; not long after, or it would undo what came in between.
    if (lost || !elements.doubles()) return;
    elements.at(this.#upFreeAt + elements.random.integer(1, 30), () => this.#copied(arrive));
  }

  /** To the client. */
  deliver(topic: string, payload: Uint8Array): void {
    const elements = this.#elements;
    if (this.#passage.blocks(this.peer.clientId, 'down') || this.#loses()) return;
    const arrive = (): void => this.peer.receive(topic, payload);
    this.#down(arrive);
    if (!elements.doubles()) return;
    elements.after(elements.latency() + elements.random.integer(0, 5_000), () => this.#copied(arrive));
  }

  #down(arrive: () => void): void {
    this.#downFreeAt = this.#passage.send({
      freeAt: this.#downFreeAt,
      reorder: this.#elements.weather.reorder,
      arrive: () => {
        if (this.#open && !this.#passage.blocks(this.peer.clientId, 'down')) arrive();
      },
    });
  }

  #copied(arrive: () => void): void {
    if (!this.#open) return;
    this.#elements.hit('network.duplicate');
    arrive();
  }

  #loses(): boolean {
    return this.#elements.strikes(this.#elements.weather.loss, 'network.loss');
  }

  #losesAck(): boolean {
    return this.#elements.strikes(this.#elements.weather.ackLoss, 'network.ackLoss');
  }
}
