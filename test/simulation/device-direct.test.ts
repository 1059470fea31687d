import { expect, test } from 'vitest';
import type { CommandAnswer, CommandCall, CommandOffer } from '../../src/device/command-handler.ts';
import type { Journal } from '../../src/ports/journal.ts';
import { DeviceWorld, modelWith, type BootOptions } from '../support/device-world.ts';
import { TestHardware } from '../support/test-device.ts';

/** Direct commands at the device; the fault catalogue, section H, as far as it concerns the device. */

/** A bell: each ring is an effect that cannot be taken back. A ring lasts until the test lets it end. */
class Bell {
  readonly calls: CommandCall[] = [];
  readonly #ends: ((answer: CommandAnswer) => void)[] = [];
  /** Without it a call ends at once. */
  slow = false;

  offer(more: Partial<CommandOffer> = {}): CommandOffer {
    return {
      idempotent: false,
      state: () => ({ rings: this.calls.length }),
      handler: (call) => {
        this.calls.push(call);
        if (!this.slow) return Promise.resolve({ result: this.calls.length });
        return new Promise((resolve) => {
          this.#ends.push(resolve);
          call.signal.addEventListener('abort', () => resolve({ failed: { code: 'aborted', message: 'stopped' } }));
        });
      },
      ...more,
    };
  }

  end(answer: CommandAnswer = { result: 'done' }): void {
    for (const end of this.#ends.splice(0)) end(answer);
  }

  get ids(): string[] {
    return this.calls.map(({ id }) => id);
  }
}

async function running(more: Partial<CommandOffer> = {}, options: BootOptions = {}) {
  const world = new DeviceWorld();
  const bell = new Bell();
  const hardware = new TestHardware({ '/a': 1 });
  const boot = async (): Promise<void> => {
    await world.boot(hardware, { ...options, offers: { ring: bell.offer(more) } });
    await world.run(1_000);
  };
  await boot();
  return { world, bell, hardware, boot };
}

test('a command is done and answered with its result and the state behind it', async () => {
  const { world, bell } = await running();
  world.ask({ id: 'c1' });
  await world.run(50);
  expect(world.responses).toEqual([{ id: 'c1', status: 'succeeded', result: 1, state: { rings: 1 } }]);
  expect(bell.ids).toEqual(['c1']);
});

test('a command that takes its time is announced, tells its progress and then its end', async () => {
  const { world, bell } = await running();
  bell.slow = true;
  world.ask({ id: 'c1' });
  await world.run(500);
  for (const percent of [10, 20, 30]) bell.calls[0]?.progress({ percent, text: `at ${percent}` });
  await world.run(1_000);
  bell.end();
  await world.run(50);
  expect(world.responses.map(({ status, progress }) => [status, progress?.percent])).toEqual([
    ['accepted', undefined],
    ['in_progress', 10],
    ['in_progress', 30],
    ['succeeded', undefined],
  ]);
});

test('H1 a request that comes again has one effect and gets the stored answer, also after a reboot', async () => {
  const { world, bell, boot } = await running();
  world.ask({ id: 'c1' });
  world.ask({ id: 'c1', attempt: 2 });
  await world.run(50);
  world.ask({ id: 'c1', attempt: 3 });
  await world.run(50);
  world.crash();
  await boot();
  world.ask({ id: 'c1', attempt: 4 });
  await world.run(50);

  expect(bell.ids).toEqual(['c1']);
  const stored = { id: 'c1', status: 'succeeded', result: 1, state: { rings: 1 } };
  expect(world.responses.length).toBeGreaterThanOrEqual(3);
  for (const response of world.responses) expect(response).toEqual(stored);
});

test('H1 a request that comes again while it is worked on gets the present progress', async () => {
  const { world, bell } = await running();
  bell.slow = true;
  world.ask({ id: 'c1' });
  await world.run(200);
  bell.calls[0]?.progress({ text: 'half way' });
  await world.run(1_000);
  const before = world.responses.length;
  world.ask({ id: 'c1', attempt: 2 });
  await world.run(50);
  expect(bell.ids).toEqual(['c1']);
  expect(world.responses.slice(before)).toEqual([{ id: 'c1', status: 'in_progress', progress: { text: 'half way' } }]);
});

test('H1 a request over the group and over the own topic has one effect', async () => {
  const { world, bell } = await running({}, { direct: { groups: ['floor-2'] } });
  world.ask({ id: 'c1', group: 'floor-2' }, 'cmd/groups/floor-2/req');
  world.ask({ id: 'c1', group: 'floor-2', attempt: 2 });
  world.ask({ id: 'c2' }, 'cmd/groups/floor-3/req');
  await world.run(50);
  expect(bell.ids).toEqual(['c1']);
});

test('H3 numbers that come in the wrong order are done in the right one', async () => {
  const { world, bell } = await running();
  for (const number of [3, 1, 2]) world.ask({ id: `c${number}`, sequence: { key: 'k', number } });
  await world.run(100);
  expect(bell.ids).toEqual(['c1', 'c2', 'c3']);
  expect(world.answers('c3')).toMatchObject([{ status: 'succeeded', sequence: { key: 'k', number: 3 } }]);
});

test('H3 after a gap that stays, a number is refused with the last one done and the state', async () => {
  const { world, bell } = await running();
  world.ask({ id: 'c1', sequence: { key: 'k', number: 1 } });
  world.ask({ id: 'c3', sequence: { key: 'k', number: 3 } });
  await world.run(1_500);
  expect(world.answers('c3')).toEqual([]);
  await world.run(1_500);
  expect(world.answers('c3')).toMatchObject([
    {
      status: 'rejected',
      problem: { code: 'out_of_order' },
      state: { rings: 1 },
      sequence: { key: 'k', number: 1 },
    },
  ]);
  // The sender resumes from there; the refused one stays refused.
  world.ask({ id: 'c2', sequence: { key: 'k', number: 2 } });
  world.ask({ id: 'c3', sequence: { key: 'k', number: 3 }, attempt: 2 });
  await world.run(100);
  expect(bell.ids).toEqual(['c1', 'c2']);
});

test('H3 a number that was done under another id is refused at once, also after a reboot', async () => {
  const { world, bell, boot } = await running();
  world.ask({ id: 'c1', sequence: { key: 'k', number: 1 } });
  await world.run(50);
  world.crash();
  await boot();
  world.ask({ id: 'other', sequence: { key: 'k', number: 1 } });
  world.ask({ id: 'c2', sequence: { key: 'k', number: 2 } });
  await world.run(50);
  expect(world.answers('other')).toMatchObject([{ status: 'rejected', problem: { code: 'out_of_order' } }]);
  expect(bell.ids).toEqual(['c1', 'c2']);
});

test('H3 a number waits for a predecessor that is at work as long as that takes, and other keys do not', async () => {
  const { world, bell } = await running();
  bell.slow = true;
  world.ask({ id: 'c1', sequence: { key: 'k', number: 1 } });
  world.ask({ id: 'c2', sequence: { key: 'k', number: 2 } });
  world.ask({ id: 'd1', sequence: { key: 'other', number: 1 } });
  await world.run(30_000);
  expect(bell.ids).toEqual(['c1', 'd1']);
  bell.end();
  await world.run(50);
  expect(bell.ids).toEqual(['c1', 'd1', 'c2']);
});

test('H4 after a crash between effect and answer the stored answer is given, without a second effect', async () => {
  const { world, bell, boot } = await running();
  world.network.freeze('thing', 'up');
  world.ask({ id: 'c1' });
  await world.run(50);
  expect(world.responses).toEqual([]);
  world.crash();
  await boot();
  expect(bell.ids).toEqual(['c1']);
  expect(world.answers('c1')).toMatchObject([{ status: 'succeeded', result: 1 }]);
});

test.each([
  [false, 'answered as interrupted', ['c1'], { status: 'failed', problem: { code: 'interrupted' } }],
  [true, 'called again, and told so', ['c1', 'c1'], { status: 'succeeded', result: 'back' }],
])('H4 after a crash in the middle a command with idempotent %o is %s', async (idempotent, _what, ids, answer) => {
  const { world, bell, boot } = await running({ idempotent });
  bell.slow = true;
  world.ask({ id: 'c1', sequence: { key: 'k', number: 1 } });
  await world.run(500);
  world.crash();
  await boot();
  bell.end({ result: 'back' });
  await world.run(50);
  expect(bell.ids).toEqual(ids);
  expect(bell.calls.map(({ again }) => again)).toEqual(ids.map((_, at) => at > 0));
  expect(world.answers('c1')).toMatchObject([{ ...answer, sequence: { key: 'k', number: 1 } }]);
});

test('H4 an idempotent command is not called again after its expiry', async () => {
  const { world, bell, boot } = await running({ idempotent: true });
  bell.slow = true;
  world.ask({ id: 'c1' });
  await world.run(500);
  world.crash();
  await world.run(400_000);
  await boot();
  expect(bell.ids).toEqual(['c1']);
  expect(world.answers('c1')).toMatchObject([{ status: 'failed', problem: { code: 'interrupted' } }]);
});

test('H5 what arrives after its expiry is refused without an effect', async () => {
  const { world, bell } = await running();
  world.ask({ id: 'c1', issuedAt: 0 as never, expiresAt: (world.clock.wall() - 1_000) as never });
  await world.run(50);
  expect(bell.ids).toEqual([]);
  expect(world.answers('c1')).toMatchObject([{ status: 'rejected', problem: { code: 'expired' } }]);
});

test.each([
  ['H5: a device whose clock was never set', 0],
  ['D-17: a device whose clock is set back', 1_000],
])('%s judges lateness by service time', async (_what, afterMs) => {
  const world = new DeviceWorld();
  const bell = new Bell();
  const unsound = {
    wall: () => (world.clock.monotonic() < afterMs ? world.clock.wall() : (0 as never)),
    monotonic: () => world.clock.monotonic(),
    at: world.clock.at.bind(world.clock),
  };
  await world.boot(new TestHardware({ '/a': 1 }), { clock: unsound, offers: { ring: bell.offer() } });
  await world.run(1_000);
  world.ask({ id: 'late', expiresAt: (world.clock.wall() - 2_000) as never });
  world.ask({ id: 'timely' });
  await world.run(50);
  expect(bell.ids).toEqual(['timely']);
});

test('D-01: a captured request sent again, as it was or made to look new, opens nothing twice, across reboots and past its end', async () => {
  const { world, bell, boot } = await running();
  const captured = { id: 'c1', sequence: { key: 'door', number: 1 } };
  world.ask(captured);
  await world.run(50);
  world.ask(captured);
  // Another id for the same step of the sequence: the order knows that it is done.
  world.ask({ ...captured, id: 'c1-copied' });
  await world.run(50);
  world.crash();
  await boot();
  world.ask({ ...captured, attempt: 2 });
  await world.run(50);
  expect(world.answers('c1-copied')).toMatchObject([{ status: 'rejected', problem: { code: 'out_of_order' } }]);
  // Its answer is let go some time after the deadline; the request itself is late by then.
  const short = { id: 'c2', issuedAt: world.clock.wall(), expiresAt: (world.clock.wall() + 1_000) as never };
  world.ask(short);
  await world.run(200_000);
  for (let time = 1; time <= 2; time += 1) {
    world.ask(short);
    await world.run(50);
  }
  expect(world.answers('c2').at(-1)).toMatchObject({ status: 'rejected', problem: { code: 'expired' } });
  expect(bell.ids).toEqual(['c1', 'c2']);
});

test('D-04: a request for another thing is not taken, nor one for a group the device is not in', async () => {
  const { world, bell } = await running({}, { direct: { groups: ['doors'] } });
  const topics = ['cmd/another/req', 'cmd/groups/lamps/req', 'cmd/groups/doors/req/x'];
  for (const [at, topic] of topics.entries()) world.ask({ id: `other-${at}` }, topic);
  await world.run(50);
  expect(bell.ids).toEqual([]);
  world.ask({ id: 'own-group' }, 'cmd/groups/doors/req');
  await world.run(50);
  expect(bell.ids).toEqual(['own-group']);
});

test('H5 before service time is known nothing begins', async () => {
  const world = new DeviceWorld();
  const bell = new Bell();
  world.swallow = (kind) => kind === 'get';
  await world.boot(new TestHardware({ '/a': 1 }), { offers: { ring: bell.offer() } });
  world.ask({ id: 'c1' });
  await world.run(2_000);
  expect(bell.ids).toEqual([]);
  world.swallow = () => false;
  await world.run(60_000);
  expect(bell.ids).toEqual(['c1']);
});

test('H7 a direct command and a wish for one field: the device says what it reads, and the wish is put back', async () => {
  const { world, hardware } = await running({
    handler: () => {
      hardware.values.set('/a', 9);
      return Promise.resolve({});
    },
  });
  world.desire({ a: 2 });
  await world.run(1_000);
  world.ask({ id: 'c1' });
  await world.run(5_000);
  expect(world.answers('c1')).toMatchObject([{ status: 'succeeded' }]);
  expect(hardware.values.get('/a')).toBe(2);
  expect(world.reported('a')).toBe(2);
});

test('H7 with a lease the direct command has the last word, and the shadow shows it', async () => {
  const world = new DeviceWorld();
  const hardware = new TestHardware({ '/a': 1 });
  const model = modelWith({ a: { type: 'integer', 'x-shadow': { onLocalChange: 'lease', leaseMs: 60_000 } } });
  const ring: CommandOffer = {
    idempotent: true,
    handler: () => {
      hardware.values.set('/a', 9);
      return Promise.resolve({});
    },
  };
  await world.boot(hardware, { model, offers: { ring } });
  world.desire({ a: 2 });
  await world.run(2_000);
  world.ask({ id: 'c1' });
  await world.run(2_000);
  expect(world.reported('a')).toBe(9);
  expect(world.said.fields?.['/a']).toMatchObject({ outcome: 'overridden' });
});

test('an answer that could not be published is published at the next connection, once it is known to be out', async () => {
  const { world, bell } = await running();
  bell.slow = true;
  world.ask({ id: 'c1' });
  await world.run(500);
  world.network.takeAway();
  bell.end();
  await world.run(5_000);
  world.network.bringBack();
  await world.run(5_000);
  expect(world.answers('c1')).toMatchObject([{ status: 'succeeded', result: 'done' }]);
  const count = world.responses.length;
  world.network.cut('thing');
  await world.run(5_000);
  expect(world.responses.length).toBe(count);
});

test.each<[string, object, object]>([
  ['an unknown command', { name: 'fly' }, { code: 'unknown_command' }],
  ['arguments that do not fit', { args: { loud: 'very' } }, { code: 'invalid_args' }],
])('%s is refused without an effect', async (_what, request, problem) => {
  const { world, bell } = await running({
    args: { type: 'object', properties: { loud: { type: 'boolean' } }, additionalProperties: false },
  });
  world.ask({ id: 'c1', ...request });
  world.ask({ id: 'c1', ...request, attempt: 2 });
  await world.run(50);
  expect(bell.ids).toEqual([]);
  expect(world.responses).toMatchObject([
    { status: 'rejected', problem },
    { status: 'rejected', problem },
  ]);
});

test.each<[string, (bell: Bell) => Partial<CommandOffer>, object]>([
  [
    'throws',
    () => ({ handler: () => Promise.reject(new Error('no power')) }),
    { problem: { code: 'handler_failed', message: 'no power' } },
  ],
  [
    'says why',
    () => ({ handler: () => Promise.resolve({ failed: { code: 'Door Open!', message: 'x' } }) }),
    { problem: { code: 'door_open' } },
  ],
  [
    'has a result that is too large',
    () => ({ handler: () => Promise.resolve({ result: 'x'.repeat(102_401) }) }),
    { problem: { code: 'result_too_large' } },
  ],
  [
    'has a result that is no JSON',
    () => ({ handler: () => Promise.resolve({ result: (() => 1) as never }) }),
    { problem: { code: 'handler_failed' } },
  ],
  [
    'refuses',
    () => ({ handler: () => Promise.resolve({ rejected: { code: 'not_running', message: 'x' } }) }),
    { status: 'rejected', problem: { code: 'not_running' } },
  ],
])('G-13: a handler that %s ends its command with a problem and harms no other', async (_what, more, expected) => {
  const { world, bell } = await running(more(new Bell()));
  world.ask({ id: 'c1' });
  await world.run(50);
  expect(world.answers('c1')).toMatchObject([{ status: 'failed', ...expected }]);
  expect(bell.ids).toEqual([]);
});

test('a result of 100 KB arrives whole', async () => {
  const log = 'x'.repeat(100 * 1024 - 2);
  const { world } = await running({ handler: () => Promise.resolve({ result: log }) });
  world.ask({ id: 'c1' });
  await world.run(50);
  expect(world.answers('c1')).toMatchObject([{ status: 'succeeded', result: log }]);
});

test('a cancel stops what is at work, keeps what has not come from beginning, and changes nothing that is done', async () => {
  const { world, bell } = await running();
  world.ask({ id: 'done' });
  await world.run(50);
  bell.slow = true;
  world.ask({ id: 'work' });
  await world.run(50);
  for (const id of ['done', 'work', 'unseen']) world.ask({ id, cancel: true, attempt: 2 });
  await world.run(50);
  world.ask({ id: 'unseen' });
  await world.run(50);

  expect(bell.ids).toEqual(['done', 'work']);
  expect(world.answers('done').at(-1)).toMatchObject({ status: 'succeeded' });
  expect(world.answers('work')).toMatchObject([{ status: 'failed', problem: { code: 'cancelled' } }]);
  for (const answer of world.answers('unseen')) {
    expect(answer).toMatchObject({ status: 'rejected', problem: { code: 'cancelled' } });
  }
});

test('a request that is no request is dropped, and the next one is served', async () => {
  const { world, bell } = await running();
  for (const text of ['', '{', '[]', '{"id":"x"}', '{"id":"../x","name":"ring"}', '\u0000']) {
    world.network.publish('cmd/thing/req', Buffer.from(text));
  }
  world.ask({ id: 'c1' });
  await world.run(50);
  expect(bell.ids).toEqual(['c1']);
});

test('C17 a command whose record cannot be made durable does not begin', async () => {
  const world = new DeviceWorld();
  const bell = new Bell();
  const full = { ok: false as const, problem: { code: 'journal_unavailable' as const, message: 'disk full' } };
  const journal = { ...openJournal(), write: () => Promise.resolve(full) };
  await world.boot(new TestHardware({ '/a': 1 }), { journal, offers: { ring: bell.offer() } });
  await world.run(1_000);
  world.ask({ id: 'c1' });
  await world.run(50);
  expect(bell.ids).toEqual([]);
  expect(world.answers('c1')).toMatchObject([{ status: 'rejected', problem: { code: 'busy' } }]);
});

test('H3 a number done while the disk was full is on it when there is room again, and answers let go take it not along', async () => {
  const world = new DeviceWorld();
  const bell = new Bell();
  bell.slow = true;
  const full = { ok: false as const, problem: { code: 'journal_unavailable' as const, message: 'disk full' } };
  let hasRoom = true;
  const write: Journal['write'] = (...record) => (hasRoom ? world.journal.write(...record) : Promise.resolve(full));
  const journal = { open: () => world.journal.open(), write, close: () => Promise.resolve() };
  const boot = () => world.boot(new TestHardware({ '/a': 1 }), { journal, offers: { ring: bell.offer() } });
  await boot();
  await world.run(1_000);
  world.ask({ id: 'c1', sequence: { key: 'k', number: 1 } });
  await world.run(500);
  hasRoom = false;
  bell.end();
  await world.run(600_000);
  hasRoom = true;
  // Long after the first answer had to be kept.
  world.ask({ id: 'c2' });
  await world.run(3_600_000);
  world.ask({ id: 'c3' });
  await world.run(1_000);
  world.crash();
  bell.slow = false;
  await boot();
  await world.run(1_000);
  world.ask({ id: 'c4', sequence: { key: 'k', number: 1 } });
  await world.run(100);
  expect(world.answers('c4')).toMatchObject([{ status: 'rejected', problem: { code: 'out_of_order' } }]);
});

test('H3 a number whose record a crash cut off outlives the answer that names it', async () => {
  const world = new DeviceWorld();
  const bell = new Bell();
  let isCut = false;
  const write: Journal['write'] = (key, ...record) => {
    // The power goes when the answer is on the disk and the order is not.
    isCut ||= key.startsWith('direct-sequence:');
    return isCut ? new Promise(() => undefined) : world.journal.write(key, ...record);
  };
  const journal = { open: () => world.journal.open(), write, close: () => Promise.resolve() };
  await world.boot(new TestHardware({ '/a': 1 }), { journal, offers: { ring: bell.offer() } });
  await world.run(1_000);
  world.ask({ id: 'c1', sequence: { key: 'k', number: 1 } });
  await world.run(100);
  for (let life = 0; life < 2; life += 1) {
    world.crash();
    await world.boot(new TestHardware({ '/a': 1 }), { offers: { ring: bell.offer() } });
    for (let hour = 0; hour < 3; hour += 1) {
      await world.run(3_600_000);
      world.ask({ id: `c-${life}-${hour}` });
    }
    await world.run(1_000);
  }
  world.ask({ id: 'c2', sequence: { key: 'k', number: 1 } });
  await world.run(100);
  expect(world.answers('c2')).toMatchObject([{ status: 'rejected', problem: { code: 'out_of_order' } }]);
});

function openJournal() {
  return {
    open: () => Promise.resolve({ ok: true as const, value: { records: new Map() } }),
    close: () => Promise.resolve(),
  };
}

test('I13 answers are let go after their expiry, so journal and memory stay small', async () => {
  const { world } = await running();
  for (let hour = 0; hour < 5; hour += 1) {
    for (let n = 0; n < 50; n += 1)
      world.ask({ id: `c-${hour}-${n}`, sequence: { key: 'k', number: hour * 50 + n + 1 } });
    await world.run(3_600_000);
  }
  world.ask({ id: 'last' });
  await world.run(50);
  const opened = await world.journal.open();
  const kept = opened.ok ? [...opened.value.records.keys()].filter((key) => key.startsWith('direct')) : [];
  expect(kept.sort()).toEqual(['direct-sequence:k', 'direct:last']);
});
