import type { Elements } from './elements.ts';

export type Direction = 'up' | 'down' | 'both';

/** `road` names the messages that must keep their order: what one client sends. Undefined: in any order. */
export type Hold = (road: string | undefined, arrive: () => void) => void;

/** A message about to leave. */
export interface Departure {
  /** When the last message before it arrives, so that nothing overtakes by accident. */
  readonly freeAt: number;
  /** Share of messages that others overtake. */
  readonly reorder: number;
  readonly road?: string;
  readonly arrive: () => void;
}

/**
 * The way between clients and broker: who is cut off from it, in which direction, and when a message that left arrives.
 * Each message is a timer, unless somebody else decides on the order.
 */
export class Passage {
  readonly #elements: Elements;
  readonly #hold: Hold | undefined;
  readonly #partitions = new Map<string, Direction>();

  constructor(elements: Elements, hold: Hold | undefined) {
    this.#elements = elements;
    this.#hold = hold;
  }

  /** Sends a message on its way; returns when the road is free for the next one. */
  send({ freeAt, reorder, road, arrive }: Departure): number {
    if (this.#hold !== undefined) {
      this.#hold(road, arrive);
      return freeAt;
    }
    const elements = this.#elements;
    const now = elements.monotonic();
    const dueAt = now + elements.latency();
    if (elements.strikes(reorder, 'network.reorder')) {
      elements.at(dueAt + elements.random.integer(0, elements.weather.reorderMs), arrive);
      return freeAt; // others need not wait for it
    }
    const inOrderAt = Math.max(dueAt, freeAt);
    elements.at(inOrderAt, arrive);
    return inOrderAt;
  }

  partition(clientId: string, direction: Direction): void {
    this.#partitions.set(clientId, direction);
  }

  partitionOf(clientId: string): Direction | undefined {
    return this.#partitions.get(clientId);
  }

  mend(clientId: string): void {
    this.#partitions.delete(clientId);
  }

  mendAll(): void {
    this.#partitions.clear();
  }

  /** Whether a client can be reached in both directions. */
  isOpen(clientId: string): boolean {
    const partition = this.#partitions.get(clientId);
    if (partition === undefined) return true;
    this.#elements.hit(`network.partition.${partition}`);
    return false;
  }

  /** Whether what goes in this direction vanishes. */
  blocks(clientId: string, direction: 'up' | 'down'): boolean {
    const partition = this.#partitions.get(clientId);
    if (partition !== direction && partition !== 'both') return false;
    this.#elements.hit(`network.partition.${partition}`);
    return true;
  }
}
