import type { EpochMs } from '../../src/core/brand.ts';

/** Rates that AWS enforces and that a local cloud leaves off unless asked (R83). */
export interface ThrottleLimits {
  /** Requests a second per thing, all operations together; a second's worth may come at once. 0: no limit. */
  readonly requestsPerSecondPerThing: number;
  /** Requests of one connection that have no answer yet. 0: no limit. Needs an answer that takes time: a delay. */
  readonly inFlightPerConnection: number;
  /** Messages of one connection, each way; the broker discards what is more. 0: no limit. */
  readonly messagesPerSecondPerConnection: number;
}

export const NO_THROTTLE: ThrottleLimits = {
  requestsPerSecondPerThing: 0,
  inFlightPerConnection: 0,
  messagesPerSecondPerConnection: 0,
};
export const AWS_THROTTLE: ThrottleLimits = {
  requestsPerSecondPerThing: 20,
  inFlightPerConnection: 10,
  messagesPerSecondPerConnection: 100,
};

const THINGS_MAX = 100_000;

export class Throttle {
  readonly #limits: ThrottleLimits;
  readonly #buckets = new Map<string, { left: number; at: EpochMs }>();
  readonly #inFlight = new Map<string, number>();

  constructor(limits: ThrottleLimits) {
    this.#limits = limits;
  }

  /** Takes a place for one request, or says that it is one too many. */
  admit({ thingName, connection }: { thingName: string; connection: string }, now: EpochMs): boolean {
    const { inFlightPerConnection, requestsPerSecondPerThing } = this.#limits;
    const inFlight = this.#inFlight.get(connection) ?? 0;
    if (inFlightPerConnection > 0 && inFlight >= inFlightPerConnection) return false;
    if (requestsPerSecondPerThing > 0 && !this.#take(thingName, requestsPerSecondPerThing, now)) return false;
    if (inFlightPerConnection > 0) this.#inFlight.set(connection, inFlight + 1);
    return true;
  }

  /** The request that was admitted has its answer, or will never get one. */
  settle(connection: string): void {
    const inFlight = this.#inFlight.get(connection);
    if (inFlight === undefined) return;
    if (inFlight > 1) this.#inFlight.set(connection, inFlight - 1);
    else this.#inFlight.delete(connection);
  }

  #take(thingName: string, perSecond: number, now: EpochMs): boolean {
    const bucket = this.#buckets.get(thingName) ?? { left: perSecond, at: now };
    const left = Math.min(perSecond, bucket.left + (Math.max(0, now - bucket.at) / 1000) * perSecond);
    if (this.#buckets.size > THINGS_MAX) this.#buckets.clear();
    this.#buckets.set(thingName, { left: left >= 1 ? left - 1 : left, at: now });
    return left >= 1;
  }
}
