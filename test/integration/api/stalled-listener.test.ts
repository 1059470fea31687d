import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CommandId } from '../../../src/core/brand.ts';
import type { LedgerChange } from '../../../src/ports/ledger.ts';
import { ApiWorld } from '../../support/api.ts';
import { aWish, got } from '../../support/cloud.ts';
import { eventually } from '../../support/eventually.ts';

const STREAMS = 2;
/** More than the kernel takes for a reader that does not read. */
const ENTRIES = 120;
const ENTRY_BYTES = 100_000;
const PATIENT = { withinMs: 60_000 };

let world: ApiWorld;
beforeAll(async () => {
  world = await ApiWorld.open({ streamsMax: STREAMS, heartbeatMs: 250 });
});
afterAll(() => world.close());

/** A listener as a bare socket, so that the test says when it reads. */
class RawListener {
  readonly socket: Socket;
  text = '';

  constructor(after: number) {
    const { hostname, port, host } = new URL(world.url);
    this.socket = connect(Number(port), hostname);
    this.socket.on('error', () => undefined);
    this.socket.write(`GET /v1/events?after=${after} HTTP/1.0\r\nhost: ${host}\r\n\r\n`);
    this.socket.setEncoding('latin1').on('data', (text: string) => (this.text += text.replaceAll(/x+/g, 'x')));
  }

  get status(): number {
    return Number(/^HTTP\/1\.\d (\d+)/.exec(this.text)?.[1] ?? 0);
  }

  /** Of events that are whole. */
  get ids(): number[] {
    const whole = this.text.slice(0, this.text.lastIndexOf('\n\n') + 2);
    return [...whole.matchAll(/^id: (\d+)\nevent: .*\ndata: /gm)].map(([, id]) => Number(id));
  }
}

function entries(commandId: CommandId): LedgerChange[] {
  const entry = {
    commandId,
    at: Date.now() as never,
    by: 'anna',
    event: 'created' as const,
    status: 'queued' as const,
  };
  const detail = { words: 'x'.repeat(ENTRY_BYTES) };
  return Array.from({ length: ENTRIES }, () => ({ type: 'timeline', entry: { ...entry, patch: [], detail } }));
}

test(
  'D19: a listener that takes nothing is let go and harms nobody; it goes on where it was',
  { timeout: 180_000 },
  async () => {
    const { command } = got(await world.cloud.create(aWish('lamp', { on: true })));
    for (const entry of entries(command.id)) got(await world.ledger.commit([entry]));
    const { newest } = got(await world.ledger.events(0, 1));

    const stalled = new RawListener(0);
    await eventually(() => stalled.status === 200);
    stalled.socket.pause();
    const healthy = new RawListener(newest);
    await eventually(() => healthy.status === 200);
    got(await world.cloud.create(aWish('door', { open: true })));
    await eventually(() => healthy.ids.length > 0);

    // Its place is free again, which a client that does not read is the last to hear of.
    (await admitted(newest)).socket.destroy();
    const before = healthy.ids.length;
    got(await world.cloud.create(aWish('window', { open: true })));
    await eventually(() => healthy.ids.length > before);

    const closed = once(stalled.socket, 'close');
    stalled.socket.resume();
    await closed;
    const heard = stalled.ids;
    expect(heard.length).toBeLessThan(newest);
    // On a busy machine this one may be let go as well; then it goes on again, as every client does.
    for (let after = heard.at(-1) ?? 0; after < newest; after = heard.at(-1) ?? 0) {
      const again = await admitted(after);
      await eventually(() => again.socket.closed || (again.ids.at(-1) ?? 0) >= newest, PATIENT);
      heard.push(...again.ids);
      again.socket.destroy();
    }
    expect(heard.slice(0, newest)).toEqual(Array.from({ length: newest }, (_, index) => index + 1));
    healthy.socket.destroy();
  },
);

/** Tries until there is a place. */
function admitted(after: number): Promise<RawListener> {
  return eventually(async () => {
    const one = new RawListener(after);
    await eventually(() => one.status !== 0);
    if (one.status === 200) return one;
    one.socket.destroy();
    return undefined;
  }, PATIENT);
}
