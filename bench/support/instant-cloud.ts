import type { JsonObject } from '../../src/core/json/json.ts';
import { done, ok, type Result } from '../../src/core/result.ts';
import type { Cancel } from '../../src/ports/clock.ts';
import type {
  ConnectionEvent,
  MessageHandler,
  OutgoingMessage,
  Subscription,
  Transport,
} from '../../src/ports/transport.ts';

const encode = new TextEncoder();
const SECONDS = Math.floor(Date.now() / 1_000);
const WISH = { targetC: 21, mode: 'eco' };

/**
 * A shadow service without a network that accepts every update at once, and devices that are away until they are told to
 * obey. Keeps one number for each shadow: what is measured is the server.
 */
export class InstantCloud implements Transport {
  connected = true;
  #handler: MessageHandler | undefined;
  /** By the number behind the dash of the thing's name. */
  #versions = new Uint32Array(1_024);
  #updates = 0;

  /** Updates that were accepted. */
  get updates(): number {
    return this.#updates;
  }

  async start(): Promise<Result<void>> {
    return done;
  }

  async publish({ topic, payload }: OutgoingMessage): Promise<Result<void>> {
    const [, , thing = '', , kind] = topic.split('/');
    const body = JSON.parse(String(payload)) as { state?: { desired?: JsonObject }; clientToken: string };
    setImmediate(() => (kind === 'get' ? this.#get(thing, body.clientToken) : this.#update(thing, body)));
    return done;
  }

  async subscribe(_subscriptions: readonly Subscription[], handler: MessageHandler): Promise<Result<Cancel>> {
    this.#handler ??= handler;
    return ok(() => undefined);
  }

  onConnection(_listener: (event: ConnectionEvent) => void): Cancel {
    return () => undefined;
  }

  async stop(): Promise<void> {
    this.connected = false;
  }

  /** The device is back and reports what was wished. */
  obey(thing: string): void {
    const reported = { ...WISH, reconciler: { version: this.#versions[numberOf(thing)] as number } };
    this.#say(thing, 'update/accepted', {
      ...{ state: { reported }, metadata: { reported: stamps(reported) }, version: this.#next(thing) },
      timestamp: SECONDS,
    });
  }

  #update(thing: string, { state, clientToken }: { state?: { desired?: JsonObject }; clientToken: string }): void {
    const desired = state?.desired ?? {};
    this.#updates += 1;
    this.#say(thing, 'update/accepted', {
      ...{ state: { desired }, metadata: { desired: stamps(desired) }, version: this.#next(thing) },
      ...{ timestamp: SECONDS, clientToken },
    });
  }

  #get(thing: string, clientToken: string): void {
    const version = this.#versions[numberOf(thing)] ?? 0;
    if (version === 0) return this.#say(thing, 'get/rejected', { code: 404, message: 'no shadow', clientToken });
    // Only those that wait are asked for again: the wish stands, and nothing was reported.
    const state = { desired: WISH };
    this.#say(thing, 'get/accepted', {
      ...{ state, metadata: { desired: stamps(WISH) }, version, timestamp: SECONDS, clientToken },
    });
  }

  #next(thing: string): number {
    const number = numberOf(thing);
    if (number >= this.#versions.length) {
      const more = new Uint32Array(number * 2);
      more.set(this.#versions);
      this.#versions = more;
    }
    this.#versions[number] = (this.#versions[number] as number) + 1;
    return this.#versions[number] as number;
  }

  #say(thing: string, kind: string, body: object): void {
    this.#handler?.({ topic: `$aws/things/${thing}/shadow/${kind}`, payload: encode.encode(JSON.stringify(body)) });
  }
}

const numberOf = (thing: string): number => Number(thing.slice(thing.indexOf('-') + 1));

function stamps(state: object): JsonObject {
  return Object.fromEntries(
    Object.entries(state).map(([key, value]) => [
      key,
      typeof value === 'object' && value !== null ? stamps(value as object) : { timestamp: SECONDS },
    ]),
  );
}
