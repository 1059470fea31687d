import { request as httpRequest, type ClientRequest } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { changeAccessFile } from '../../../src/adapters/access-file/access-file.ts';
import type { AccessFile } from '../../../src/protocol/access-file.ts';
import { ApiWorld } from '../../support/api.ts';
import { got } from '../../support/cloud.ts';
import { eventually } from '../../support/eventually.ts';
import { TENANTS } from '../../support/tenants.ts';

interface Heard {
  readonly id?: number;
  readonly event: string;
  readonly data: { sequence: number; commandId: string; thingName: string; oldest?: number };
}

/** A listener without a library: what it heard is what was on the wire. */
class Listener {
  readonly heard: Heard[] = [];
  readonly #request: ClientRequest;
  status = 0;
  ended = false;
  #text = '';

  constructor(url: string, headers: Record<string, string> = {}) {
    this.#request = httpRequest(url, { headers, agent: false }, (response) => {
      this.status = response.statusCode ?? 0;
      response.setEncoding('utf8').on('data', (chunk: string) => this.#take(chunk));
      response.on('close', () => (this.ended = true));
    });
    this.#request.on('error', () => (this.ended = true));
    this.#request.end();
  }

  close(): void {
    this.#request.destroy();
  }

  #take(chunk: string): void {
    this.#text += chunk;
    const blocks = this.#text.split('\n\n');
    this.#text = blocks.pop() ?? '';
    for (const block of blocks) {
      const of = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      const [id, event, data] = [of('id'), of('event'), of('data')];
      if (data === undefined) continue;
      this.heard.push({
        ...(id === undefined ? {} : { id: Number(id) }),
        event: event ?? 'message',
        data: JSON.parse(data) as Heard['data'],
      });
    }
  }
}

let world: ApiWorld;
let [a, b, all] = ['', '', ''];
const listeners: Listener[] = [];

beforeAll(async () => {
  world = await ApiWorld.open({ file: TENANTS });
  a = await world.key('tenant-a', 'a');
  b = await world.key('tenant-b', 'b');
  all = await world.key('ops', 'all');
});
afterEach(() => {
  for (const listener of listeners.splice(0)) listener.close();
});
afterAll(() => world.close());

/** One that was closed a moment ago may still count among those that a credential may have. */
function listen(token: string, { query = '', lastEventId }: { query?: string; lastEventId?: number } = {}) {
  return eventually(async () => {
    const listener = new Listener(`${world.url}/v1/events${query}`, {
      authorization: `Bearer ${token}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }),
    });
    listeners.push(listener);
    await eventually(() => listener.status !== 0);
    return listener.status === 200 ? listener : undefined;
  });
}

const create = async (thing: string, token: string): Promise<string> =>
  (await world.post(`/v1/things/${thing}/commands`, { desired: { x: Math.random() } }, { token })).body.id as string;

const newest = async () => (await world.cloud.events(0, 1)).ok && (await world.ledger.events(0, 1));

describe('the event stream', () => {
  test('tells every entry once, in order, without gaps, to everybody alike', async () => {
    const early = await listen(all, { query: '?after=0' });
    const live = await listen(all);
    for (let count = 0; count < 20; count += 1) await create(`a-${count % 5}`, a);
    const last = await newest();
    const end = last !== false && last.ok ? last.value.newest : 0;
    // The commands go on living, so more may follow at any time; what counts is up to `end`.
    await eventually(() => (early.heard.at(-1)?.id ?? 0) >= end && (live.heard.at(-1)?.id ?? 0) >= end);
    const upToEnd = ({ heard }: Listener): number[] => heard.flatMap(({ id = Infinity }) => (id <= end ? [id] : []));
    const ids = upToEnd(early);
    expect(ids).toEqual(Array.from({ length: end }, (_, index) => index + 1));
    expect(upToEnd(live)).toEqual(ids.slice(-upToEnd(live).length));
    expect(early.heard.every(({ id, data }) => id === data.sequence)).toBe(true);
    expect(early.heard.flatMap(({ data }) => world.contract.against('StreamEvent', data))).toEqual([]);
  });

  test('goes on where a reader was, by Last-Event-ID or after', async () => {
    for (let count = 0; count < 5; count += 1) await create('a-1', a);
    const first = await listen(all, { lastEventId: 3 });
    const second = await listen(all, { query: '?after=3' });
    await eventually(() => first.heard.length > 2 && second.heard.length > 2);
    expect(first.heard[0]?.id).toBe(4);
    expect(second.heard[0]?.id).toBe(4);
  });

  test('C-18: a replay, like the live stream, holds only what the caller may look at', async () => {
    const [mine, live] = [await listen(b, { query: '?after=0' }), await listen(b)];
    await create('a-1', a);
    const own = await create('b-1', b);
    await eventually(() => [mine, live].every(({ heard }) => heard.some(({ data }) => data.commandId === own)));
    for (const { heard } of [mine, live]) {
      expect(heard.filter(({ data }) => !data.thingName.startsWith('b-'))).toEqual([]);
    }
  });

  test('is narrowed by thing and by command', async () => {
    const byThing = await listen(all, { query: '?thing=a-only&after=0' });
    const id = await create('a-only', a);
    const byCommand = await listen(all, { query: `?command=${id}&after=0` });
    await create('a-other', a);
    await eventually(() => byThing.heard.length > 0 && byCommand.heard.length > 0);
    expect(new Set(byThing.heard.map(({ data }) => data.thingName))).toEqual(new Set(['a-only']));
    expect(new Set(byCommand.heard.map(({ data }) => data.commandId))).toEqual(new Set([id]));
  });

  test('tells a reader that is ahead of this ledger to list anew, and goes on from there', async () => {
    const listener = await listen(all, { lastEventId: 1_000_000 });
    await eventually(() => listener.heard[0]?.event === 'gap');
    const id = await create('a-gap', a);
    await eventually(() => listener.heard.some(({ data }) => data.commandId === id));
  });

  test('D20: tells a reader that is older than what is kept to list anew, and goes on with what is', async () => {
    const id = await create('a-prune', a);
    await world.post(`/v1/commands/${id}/cancel`, {}, { token: a });
    // While somebody listens, what is newest is kept for all; without listeners only the ledger is asked.
    for (const listener of listeners.splice(0)) listener.close();
    // What the cancelled command wished for is taken back first.
    await eventually(async () => got(await world.ledger.prune((Date.now() + 1_000) as never, 1_000)) > 0);
    const { oldest } = got(await world.ledger.events(0, 1));
    const late = await listen(all, { query: '?after=0' });
    await create('a-after', a);
    await eventually(() => late.heard.length > 2);
    expect(late.heard[0]).toMatchObject({ event: 'gap', id: oldest - 1, data: { oldest } });
    const ids = late.heard.map((one) => one.id ?? 0);
    expect(ids).toEqual([...ids].sort((left, right) => left - right));
  });

  test('leaves nothing behind when listeners go', async () => {
    const many = await Promise.all(Array.from({ length: 5 }, () => listen(a)));
    for (const listener of many) listener.close();
    await eventually(async () => {
      const again = new Listener(`${world.url}/v1/events`, { authorization: `Bearer ${a}` });
      listeners.push(again);
      await eventually(() => again.status !== 0);
      return again.status === 200;
    });
  });
});

describe('C-28: rights that are taken away while a stream is open', () => {
  const change = async (edit: (file: AccessFile) => void): Promise<void> => {
    await changeAccessFile(world.accessFile, (before) => {
      const after = structuredClone(before!);
      edit(after);
      return { ok: true, value: { after, value: undefined } };
    });
    await world.access?.refresh();
  };

  test('a revoked key ends it with the next event, long before the heartbeat', async () => {
    const key = await world.key('dismissed', 'a');
    const listener = await listen(key);
    const before = await create('a-revoked', a);
    await eventually(() => listener.heard.some(({ data }) => data.commandId === before));
    await change((file) => (file.keys = file.keys.filter(({ name }) => name !== 'dismissed')));
    await eventually(async () => {
      await create('a-revoked', a);
      return listener.ended;
    });
  });

  test('a role that shrinks keeps it open and silent about what is not theirs any more', async () => {
    const key = await world.key('moved', 'a', 'b');
    const listener = await listen(key);
    const heardOf = (id: string) => listener.heard.some(({ data }) => data.commandId === id);
    const first = await create('a-moved', a);
    await eventually(() => heardOf(first));
    await change((file) => {
      file.keys = file.keys.map((entry) => (entry.name === 'moved' ? { ...entry, roles: ['b'] } : entry));
    });
    await eventually(async () => {
      const [theirs, own] = [await create('a-moved', a), await create('b-moved', b)];
      await eventually(() => heardOf(own));
      return !heardOf(theirs);
    });
    expect(listener.ended).toBe(false);
  });
});

test('a key that was taken away opens no stream any more', async () => {
  const key = await world.key('leaver', 'a');
  await listen(key);
  await changeAccessFile(world.accessFile, (before) => {
    const after = structuredClone(before!);
    after.keys = after.keys.filter(({ name }) => name !== 'leaver');
    return { ok: true, value: { after, value: undefined } };
  });
  await world.access?.refresh();
  expect((await world.get('/v1/events', { token: key })).status).toBe(401);
});
