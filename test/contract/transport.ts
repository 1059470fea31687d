import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ConnectionEvent, IncomingMessage, Transport } from '../../src/ports/transport.ts';

export interface ClientOptions {
  readonly clientId?: string;
  readonly publishTimeoutMs?: number;
  readonly will?: { readonly topic: string; readonly payload: string; readonly qos: 0 | 1 };
}

/** A broker somewhere, and clients that reach it over a network that the test can break. */
export interface TransportWorld {
  /** A client that was not started. Attempts to connect again follow within milliseconds. */
  client(options?: ClientOptions): Transport;
  readonly network: {
    /** The broker goes away and forgets everything; nobody answers. */
    takeAway(): Promise<void>;
    bringBack(): Promise<void>;
    /** Connections stay, bytes do not move. */
    freeze(): void;
    thaw(): void;
    /** Every connection ends without a word. */
    cut(): void;
  };
  /** The broker refuses subscriptions to this filter from now on. */
  forbid(filter: string): void;
  /** Lets time pass until the condition holds. */
  until(condition: () => boolean): Promise<void>;
  close(): Promise<void>;
}

/** The promises of `src/ports/transport.ts`, for every implementation. */
export function describeTransport(name: string, open: () => Promise<TransportWorld>): void {
  describe(`the transport port, kept by ${name}`, () => {
    let world: TransportWorld;
    let clients: Transport[];

    beforeEach(async () => {
      world = await open();
      clients = [];
    });
    afterEach(async () => {
      await Promise.all(clients.map((client) => wait(client.stop())));
      await world.close();
    });

    const client = (options?: ClientOptions): Transport => {
      const transport = world.client(options);
      clients.push(transport);
      return transport;
    };
    /** Settles a promise while time passes. */
    const wait = async <T>(promise: Promise<T>): Promise<T> => {
      let settled = false;
      void promise.finally(() => (settled = true)).catch(() => undefined);
      await world.until(() => settled);
      return promise;
    };
    const started = async (options?: ClientOptions): Promise<Transport> => {
      const transport = client(options);
      // Where a first attempt fails, as the SDK's does now and then on a busy machine, attempts go on.
      if (!(await wait(transport.start())).ok) await world.until(() => transport.connected);
      return transport;
    };
    const collect = async (transport: Transport, ...filters: string[]): Promise<string[]> => {
      const texts: string[] = [];
      const subscribed = await wait(
        transport.subscribe(
          filters.map((filter) => ({ filter, qos: 0 })),
          (message) => texts.push(textOf(message)),
        ),
      );
      expect(subscribed).toMatchObject({ ok: true });
      return texts;
    };
    const send = (transport: Transport, topic: string, payload: string | Uint8Array, qos: 0 | 1 = 1) =>
      wait(transport.publish({ topic, payload, qos }));
    const eventsOf = (transport: Transport): ConnectionEvent[] => {
      const events: ConnectionEvent[] = [];
      transport.onConnection((event) => events.push(event));
      return events;
    };

    test('a started transport is connected, says so once, and carries bytes unchanged at both qualities', async () => {
      const transport = client();
      const events = eventsOf(transport);
      expect(transport.connected).toBe(false);
      expect(await wait(transport.start())).toMatchObject({ ok: true });
      expect({ connected: transport.connected, events }).toEqual({ connected: true, events: [{ type: 'up' }] });
      const received: Uint8Array[] = [];
      await wait(transport.subscribe([{ filter: 'bytes', qos: 0 }], ({ payload }) => received.push(payload)));
      const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
      const other = await started();
      for (const qos of [0, 1] as const) expect(await send(other, 'bytes', bytes, qos)).toMatchObject({ ok: true });
      expect(await send(other, 'bytes', 'é\u0000ü')).toMatchObject({ ok: true });
      expect(await send(other, 'bytes', '')).toMatchObject({ ok: true });
      await world.until(() => received.length === 4);
      expect(received[0]).toEqual(bytes);
      expect(received[1]).toEqual(bytes);
      expect(received[2]).toEqual(new TextEncoder().encode('é\u0000ü'));
      expect(received[3]).toEqual(new Uint8Array(0));
    });

    test('a publish while not connected fails at once and never reaches anybody, not even later', async () => {
      const observer = await started();
      const texts = await collect(observer, 'late');
      const transport = client();
      expect(await transport.publish({ topic: 'late', payload: 'before start', qos: 1 })).toMatchObject({
        problem: { code: 'transport_offline' },
      });
      const events = eventsOf(transport);
      const observerEvents = eventsOf(observer);
      await wait(transport.start());
      await world.network.takeAway();
      await world.until(() => !transport.connected && !observer.connected);
      for (const qos of [0, 1] as const) {
        const result = transport.publish({ topic: 'late', payload: 'during the outage', qos });
        expect(await result).toMatchObject({ problem: { code: 'transport_offline' } });
      }
      await world.network.bringBack();
      await world.until(() => events.filter(isUp).length === 2 && observerEvents.some(isUp));
      expect(await send(transport, 'late', 'after')).toMatchObject({ ok: true });
      await world.until(() => texts.length > 0);
      expect(texts).toEqual(['after']);
    });

    test('a first attempt that finds nobody settles with a problem, and the attempts go on until one succeeds', async () => {
      await world.network.takeAway();
      const transport = client();
      const events = eventsOf(transport);
      const texts = await collect(transport, 'early'); // offline: made good before `up`
      expect(await wait(transport.start())).toMatchObject({ ok: false, problem: { code: 'server_unreachable' } });
      await world.until(() => events.filter(({ type }) => type === 'attempt_failed').length >= 2);
      await world.network.bringBack();
      await world.until(() => transport.connected);
      await send(transport, 'early', 'bird');
      await world.until(() => texts.length === 1);
      expect(events.at(-1)).toEqual({ type: 'up' });
    });

    test('after every way to lose a connection the subscriptions stand again before up is told', async () => {
      const transport = client();
      const texts = await collect(transport, 'a/+', 'b/#');
      const events = eventsOf(transport);
      let ups = 0;
      transport.onConnection((event) => {
        if (event.type !== 'up') return;
        ups++;
        void transport.publish({ topic: `a/${ups}`, payload: `up ${ups}`, qos: 1 });
      });
      await wait(transport.start());
      await world.until(() => texts.includes('up 1'));
      world.network.cut();
      await world.until(() => texts.includes('up 2'));
      await world.network.takeAway();
      await world.until(() => !transport.connected);
      await world.network.bringBack();
      await world.until(() => texts.includes('up 3'));
      const told = events.map(({ type }) => type).filter((type) => type !== 'attempt_failed');
      expect(told).toEqual(['up', 'down', 'up', 'down', 'up']);
      for (const event of events) if (event.type === 'down') expect(event).toMatchObject({ code: 'closed' });
    });

    test('a broker that does not answer: the publish settles as unknown in time, and the connection is renewed', async () => {
      const transport = await started({ publishTimeoutMs: 300 });
      const events = eventsOf(transport);
      world.network.freeze();
      const results = await Promise.all(
        ['1', '2', '3'].map((payload) => send(transport, 'void', payload)), // all in flight at once
      );
      for (const result of results) expect(result).toMatchObject({ problem: { code: 'transport_timeout' } });
      await world.until(() => events.some(({ type }) => type === 'down'));
      expect(events[0]).toMatchObject({ type: 'down', code: 'no_answer' });
      expect(await transport.publish({ topic: 'void', payload: '4', qos: 1 })).toMatchObject({
        problem: { code: 'transport_offline' },
      });
      world.network.thaw();
      await world.until(() => transport.connected);
      expect(await send(transport, 'void', '5')).toMatchObject({ ok: true });
    });

    test('a handler that throws or rejects harms neither its neighbours nor the next message', async () => {
      const transport = await started();
      const filter = [{ filter: 'x', qos: 0 }] as const;
      await wait(
        transport.subscribe(filter, () => {
          throw new Error('thrown by a handler');
        }),
      );
      await wait(transport.subscribe(filter, (() => Promise.reject(new Error('rejected'))) as () => void));
      const texts = await collect(transport, 'x');
      transport.onConnection(() => {
        throw new Error('thrown by a listener');
      });
      await send(transport, 'x', 'one');
      const events = eventsOf(transport); // it may be up again before anybody looks
      world.network.cut();
      await world.until(() => events.some(isUp));
      await send(transport, 'x', 'two');
      await world.until(() => texts.length === 2);
      expect(texts).toEqual(['one', 'two']);
    });

    test('handlers share filters; each gets a message once, and none after it was taken back', async () => {
      const transport = await started();
      const counts = { first: 0, second: 0, overlapping: 0 };
      const subscribe = async (filters: string[], handler: () => void) => {
        const result = await wait(
          transport.subscribe(
            filters.map((filter) => ({ filter, qos: 0 })),
            handler,
          ),
        );
        if (!result.ok) throw new Error(result.problem.message);
        return result.value;
      };
      const cancelFirst = await subscribe(['s/1'], () => counts.first++);
      const cancelSecond = await subscribe(['s/1'], () => counts.second++);
      const done = await collect(transport, 'done');
      const round = async (number: number) => {
        await send(transport, 's/1', 'x');
        await send(transport, 'done', 'x');
        await world.until(() => done.length === number);
        return { ...counts };
      };
      expect(await round(1)).toEqual({ first: 1, second: 1, overlapping: 0 });
      cancelFirst();
      cancelFirst();
      expect(await round(2)).toEqual({ first: 1, second: 2, overlapping: 0 });
      cancelSecond();
      const cancelBoth = await subscribe(['s/1', 's/1', 's/2'], () => counts.overlapping++);
      expect(await round(3)).toEqual({ first: 1, second: 2, overlapping: 1 });
      cancelBoth();
      expect(await round(4)).toEqual({ first: 1, second: 2, overlapping: 1 });
      await subscribe(['s/1'], () => counts.first++);
      expect(await round(5)).toEqual({ first: 2, second: 2, overlapping: 1 });
    });

    test('wildcards match levels as MQTT says, and more filters than fit in one SUBSCRIBE all stand', async () => {
      const transport = await started();
      const many = Array.from({ length: 20 }, (_, at) => `many/${at}`);
      const texts = await collect(transport, '$aws/things/+/shadow/update/accepted', 'deep/#', ...many);
      await send(transport, '$aws/things/pump/shadow/update/accepted', 'classic');
      await send(transport, '$aws/things/pump/shadow/name/a/update/accepted', 'named');
      await send(transport, 'deep', 'parent');
      await send(transport, 'deep/1/2/3', 'deep');
      await send(transport, 'many/19', 'last of many');
      await send(transport, 'many/20', 'none');
      await send(transport, 'many/0', 'end');
      await world.until(() => texts.includes('end'));
      expect(texts).toEqual(['classic', 'parent', 'deep', 'last of many', 'end']);
    });

    test('a thousand publishes at once are all acknowledged, and arrive one by one in their order', async () => {
      const transport = await started();
      const texts = await collect(transport, 'stream');
      const other = await started();
      const payloads = Array.from({ length: 1_000 }, (_, at) => String(at));
      const results = await Promise.all(payloads.map((payload) => send(other, 'stream', payload)));
      expect(results.every(({ ok }) => ok)).toBe(true);
      await world.until(() => texts.length === payloads.length);
      expect(texts).toEqual(payloads);
    });

    test.each([
      ['empty', ''],
      ['with a wildcard', 'a/+/b'],
      ['with a hash', 'a/#'],
      ['with NUL', 'a\u0000b'],
      ['with a line break', 'a\nb'],
      ['with half a surrogate pair', 'a\ud800'],
      ['of 257 bytes', 'é'.repeat(128) + 'x'],
    ])('a topic %s is refused before it reaches the wire, and the connection lives on', async (_, topic) => {
      const transport = await started();
      const events = eventsOf(transport);
      expect(await send(transport, topic, 'x')).toMatchObject({ problem: { code: 'invalid_request' } });
      const texts = await collect(transport, 'fine');
      await send(transport, 'fine', 'still here');
      await world.until(() => texts.length === 1);
      expect(events).toEqual([]);
    });

    test.each(['', 'a/#/b', 'a+', '+a/b', 'a/b#', 'x\u0000'])('the filter %j is refused', async (filter) => {
      const transport = await started();
      const result = await wait(transport.subscribe([{ filter, qos: 0 }], () => undefined));
      expect(result).toMatchObject({ problem: { code: 'invalid_request' } });
      expect(transport.connected).toBe(true);
    });

    test('a message that no broker would take is refused with its size', async () => {
      const transport = await started();
      const result = await send(transport, 'big', new Uint8Array(128 * 1024 + 1));
      expect(result).toMatchObject({ problem: { code: 'payload_too_large' } });
      const received: number[] = [];
      await wait(transport.subscribe([{ filter: 'big', qos: 0 }], ({ payload }) => received.push(payload.length)));
      expect(await send(transport, 'big', new Uint8Array(128 * 1024))).toMatchObject({ ok: true });
      await world.until(() => received.length === 1);
      expect(received).toEqual([128 * 1024]);
    });

    test('a subscription that the broker refuses is told by name, and its handler is forgotten', async () => {
      world.forbid('forbidden/#');
      const transport = await started();
      const heard: string[] = [];
      const result = await wait(
        transport.subscribe(
          [
            { filter: 'allowed', qos: 0 },
            { filter: 'forbidden/#', qos: 0 },
          ],
          (message) => heard.push(textOf(message)),
        ),
      );
      expect(result).toMatchObject({ problem: { code: 'transport_refused', at: 'forbidden/#' } });
      const texts = await collect(transport, 'allowed');
      await send(transport, 'allowed', 'x');
      await world.until(() => texts.length === 1);
      expect(heard).toEqual([]);
    });

    test('up is never told while a standing subscription is refused; the attempts say which', async () => {
      world.forbid('forbidden/#');
      const transport = client();
      const events = eventsOf(transport);
      await transport.subscribe([{ filter: 'forbidden/#', qos: 0 }], () => undefined);
      expect(await wait(transport.start())).toMatchObject({
        problem: { code: 'transport_refused', at: 'forbidden/#' },
      });
      await world.until(() => events.length >= 2);
      for (const event of events) expect(event).toMatchObject({ type: 'attempt_failed' });
      expect(JSON.stringify(events[0])).toContain('forbidden/#');
    });

    test('a second client of the same id takes over, and the first one hears that it is down', async () => {
      const first = await started({ clientId: 'same' });
      const events = eventsOf(first);
      await started({ clientId: 'same' });
      await world.until(() => events.length > 0);
      expect(events[0]).toMatchObject({ type: 'down', code: expect.stringMatching(/^(taken_over|closed)$/) as string });
    });

    test('the will is published when the connection is cut, and not after an orderly stop', async () => {
      const observer = await started();
      const texts = await collect(observer, 'presence/+');
      const will = (name: string) => ({ topic: `presence/${name}`, payload: `${name} is gone`, qos: 1 }) as const;
      const orderly = await started({ will: will('orderly') });
      await wait(orderly.stop());
      await started({ will: will('cut') });
      const observerEvents = eventsOf(observer);
      world.network.cut();
      await world.until(() => observerEvents.some(isUp));
      await send(observer, 'presence/observer', 'end');
      await world.until(() => texts.includes('end'));
      expect(texts).not.toContain('orderly is gone');
    });

    test('stop may come in any state and twice; afterwards nothing runs and nothing starts', async () => {
      const idle = client();
      await wait(idle.stop());
      expect(await idle.start()).toMatchObject({ problem: { code: 'transport_offline' } });

      const connecting = client();
      const connectingStart = connecting.start();
      await wait(connecting.stop());
      expect(await wait(connectingStart)).toMatchObject({ ok: false });

      const up = await started();
      const texts = await collect(up, 'x');
      const events = eventsOf(up);
      await wait(Promise.all([up.stop(), up.stop()]));
      await wait(up.stop());
      expect(events).toEqual([expect.objectContaining({ type: 'down', code: 'stopped' })]);
      expect(up.connected).toBe(false);
      expect(await up.publish({ topic: 'x', payload: 'x', qos: 1 })).toMatchObject({
        problem: { code: 'transport_offline' },
      });
      expect(await up.subscribe([{ filter: 'x', qos: 0 }], () => undefined)).toMatchObject({ ok: false });
      const other = await started();
      await send(other, 'x', 'too late');
      expect(texts).toEqual([]);

      await world.network.takeAway();
      const waiting = client();
      await wait(waiting.start());
      await wait(waiting.stop());
      await wait(other.stop()); // its connection was taken away
    });

    test('a publish in flight when the connection ends settles as unknown, one in flight at a stop too', async () => {
      const transport = await started({ publishTimeoutMs: 5_000 });
      world.network.freeze();
      const cut = transport.publish({ topic: 'x', payload: 'x', qos: 1 });
      world.network.cut();
      expect(await wait(cut)).toMatchObject({ problem: { code: 'transport_timeout' } });
      world.network.thaw();
      await world.until(() => transport.connected);
      world.network.freeze();
      const stopped = transport.publish({ topic: 'x', payload: 'x', qos: 1 });
      await wait(transport.stop());
      expect(await wait(stopped)).toMatchObject({ problem: { code: 'transport_timeout' } });
      world.network.thaw();
    });
  });
}

function textOf({ payload }: IncomingMessage): string {
  return new TextDecoder().decode(payload);
}

function isUp({ type }: ConnectionEvent): boolean {
  return type === 'up';
}
