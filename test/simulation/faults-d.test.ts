import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TimelineEntry } from '../../src/core/command/command.ts';
import { CALM } from '../../simulators/network/conditions.ts';
import { CloudWorld, deaf, obedient, plain } from '../support/cloud-world.ts';
import { aWish, got, refOf } from '../support/cloud.ts';
import { epochMs, type ThingName } from '../../src/core/brand.ts';

/**
 * Cloud: API, ledger, watcher; clocks; storage. The faults of groups D, E and F that concern one server. Elsewhere: D3 and
 * the SIGKILLs `test/integration/serve-kill.test.ts`, D8 and D23 `test/integration/serve-faults.test.ts`, D19
 * `test/integration/api/stalled-listener.test.ts`, D20 `test/integration/api/events.test.ts`, the abort threshold of D16
 * for actions of a group `test/integration/direct-cloud.test.ts`. Nowhere, because there is no such thing (DESIGN 9): an
 * abort threshold for shadow commands (D16: all of a fan-out is stored and published at once), approvals (D17),
 * webhooks (D18). The catalogue's group D ends with D24.
 */

let world: CloudWorld;

beforeEach(async () => {
  world = new CloudWorld();
  await world.start();
});

afterEach(() => world.stop());

const status = async (id: TimelineEntry['commandId']): Promise<string> => (await world.command(id)).status;
const ours = () => world.updates.filter(({ from }) => from === 'cloud');

describe('D1 crash between the ledger and the publish', () => {
  test('the command is published after the restart, once', async () => {
    world.faults({ kind: 'drop', message: 'update' });
    const command = await world.create('lamp', { level: 1 });
    world.crash();
    world.faults();

    await world.restart();
    await world.advance(10_000);

    expect(await status(command.id)).toBe('sent');
    expect(world.document('lamp')).toMatchObject({ version: 1, state: { desired: { level: 1 } } });
  });
});

describe('D2 crash between the publish and its mark', () => {
  test('a write that landed is found by get and not sent again', async () => {
    await world.report('lamp', { level: 0 });
    world.faults({ kind: 'drop', message: 'update/accepted' });
    const command = await world.create('lamp', { level: 1 });
    expect(await status(command.id)).toBe('queued');
    world.crash();
    world.faults();

    await world.restart();

    expect(await world.command(command.id)).toMatchObject({ status: 'sent', version: 2, versionFrom: 'get' });
    expect(ours()).toHaveLength(1);
    await world.report('lamp', { level: 1 });
    expect(await status(command.id)).toBe('succeeded');
  });

  test('a command whose place our own lost write took is superseded by that command, not by somebody unknown', async () => {
    await world.report('lamp', { level: 0 });
    const first = await world.create('lamp', { level: 1 });
    expect(await status(first.id)).toBe('sent');
    world.faults({ kind: 'drop', message: 'update/accepted' });
    const second = await world.create('lamp', { level: 2 });
    world.crash();
    world.faults();

    await world.restart();

    expect(await status(second.id)).toBe('sent');
    expect(await world.command(first.id)).toMatchObject({
      status: 'superseded',
      fields: [{ state: { outcome: 'superseded', by: { kind: 'command', commandId: second.id } } }],
    });
  });

  test('a write that landed and was overwritten meanwhile is superseded, not sent again', async () => {
    await world.report('lamp', { level: 0 });
    world.faults({ kind: 'drop', message: 'update/accepted' });
    const command = await world.create('lamp', { level: 1 });
    world.crash();
    world.faults();
    await world.desire('lamp', { level: 7 });

    await world.restart();

    expect(await status(command.id)).toBe('superseded');
    expect(ours()).toHaveLength(1);
    expect(world.document('lamp')?.state.desired).toEqual({ level: 7 });
  });

  test('a write that did not land goes again, guarded, when other fields moved on', async () => {
    await world.report('lamp', { level: 0 });
    world.faults({ kind: 'drop', message: 'update' });
    const command = await world.create('lamp', { level: 1 });
    world.crash();
    world.faults();
    await world.desire('lamp', { colour: 'red' });

    await world.restart();

    expect(await status(command.id)).toBe('sent');
    expect(ours().at(-1)?.body).toMatchObject({ version: 2, state: { desired: { level: 1 } } });
  });

  test('an answer that is merely late counts, and nothing is written twice', async () => {
    world.faults({ kind: 'delay', delayMs: 7_000, message: 'update/accepted', times: 1 });
    const command = await world.create('lamp', { level: 1 });
    await world.advance(20_000);

    expect(await status(command.id)).toBe('sent');
    expect(ours()).toHaveLength(1);
  });
});

describe('D3 to D6 idempotency', () => {
  const idempotency = { key: 'k1', fingerprint: 'f1' };

  test('D3 the same key after a crash gives the same command', async () => {
    const first = await world.create('lamp', { level: 1 }, { idempotency });
    world.crash();
    await world.restart();

    const again = got(await world.cloud.create(aWish('lamp', { level: 1 }, { idempotency })));

    expect(again).toMatchObject({ replayed: true, command: { id: first.id } });
  });

  test('D4 without a key there are two commands, each with an end of its own', async () => {
    await world.device('lamp', obedient);
    const first = await world.create('lamp', { level: 1 });
    const second = await world.create('lamp', { level: 1 });

    expect(first.id).not.toBe(second.id);
    expect([await status(first.id), await status(second.id)]).toEqual(['succeeded', 'succeeded']);
  });

  test('D5 the same key for another request is refused', async () => {
    await world.create('lamp', { level: 1 }, { idempotency });

    const other = await world.cloud.create(
      aWish('lamp', { level: 2 }, { idempotency: { key: 'k1', fingerprint: 'f2' } }),
    );

    expect(other).toMatchObject({ ok: false, problem: { code: 'idempotency_mismatch' } });
  });

  test('D6 fifty at once with one key are one command', async () => {
    const all = Array.from({ length: 50 }, () => world.cloud.create(aWish('lamp', { level: 1 }, { idempotency })));
    await world.settle();

    const made = (await Promise.all(all)).map(got);

    expect(new Set(made.map(({ command }) => command.id)).size).toBe(1);
    expect(made.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(ours()).toHaveLength(1);
  });
});

test('D7 a verdict that another writer gave already is not given again', async () => {
  const command = await world.create('lamp', { level: 1 });
  await world.advance(100);
  const stored = await world.command(command.id);
  const heard: string[] = [];
  world.cloud.onEvent(({ event }) => heard.push(event));
  got(await world.ledger.commit([{ type: 'command', command: { ...stored, status: 'cancelled', revision: 9 } }]));

  await world.report('lamp', { level: 1 });

  expect(await status(command.id)).toBe('cancelled');
  expect(heard).toEqual([]);
});

test('D9 evidence and deadline at the same moment: evidence wins', async () => {
  const device = await world.device('lamp', deaf);
  const command = await world.create('lamp', { level: 1 }, { applyWithinMs: 5_000 });
  world.faults({ kind: 'delay', delayMs: 1_000, message: 'get/accepted' });
  await world.advance(4_950);
  device.report({ level: 1 });
  await world.advance(2_000);

  expect(await status(command.id)).toBe('succeeded');
});

describe('D10 the watcher was down for hours', () => {
  test('evidence is looked at before deadlines are judged', async () => {
    const device = await world.device('lamp', deaf);
    const command = await world.create('lamp', { level: 1 }, { expiresInMs: 600_000 });
    world.crash();
    await world.advance(60_000);
    device.report({ level: 1, reconciler: { version: 1 } });
    await world.advance(6 * 3_600_000);

    await world.restart();
    await world.advance(1_000);

    expect(await status(command.id)).toBe('succeeded');
    expect(got(await world.cloud.timeline(command.id)).map(({ event }) => event)).not.toContain('expired');
  });

  test('the apply clock stood still meanwhile', async () => {
    await world.device('lamp', deaf);
    const command = await world.create('lamp', { level: 1 }, { applyWithinMs: 60_000 });
    await world.advance(10_000);
    world.crash();
    await world.advance(3_600_000);

    await world.restart();
    await world.advance(20_000);

    expect(await status(command.id)).toBe('sent');
  });

  test('an expired command with no evidence expires after the restart, from a fresh snapshot', async () => {
    const command = await world.create('lamp', { level: 1 }, { expiresInMs: 600_000 });
    world.crash();
    await world.advance(3_600_000);

    await world.restart();
    await world.advance(1_000);

    expect(await status(command.id)).toBe('expired');
  });
});

describe('D11 the device is offline at the deadline', () => {
  test('the apply clock stands still, the command expires, and says that it was offline', async () => {
    const device = await world.device('lamp', deaf);
    await device.disconnect();
    await world.advance(10_000);
    const command = await world.create('lamp', { level: 1 }, { applyWithinMs: 1_000, expiresInMs: 3_600_000 });
    await world.advance(3_000_000);
    expect(await status(command.id)).toBe('sent');

    await world.advance(700_000);

    expect(await world.command(command.id)).toMatchObject({ status: 'expired', statusReason: 'offline' });
  });

  test('whenOffline fail ends it at once, and nothing is left in desired', async () => {
    const device = await world.device('lamp', deaf);
    await device.disconnect();
    await world.advance(10_000);

    const command = await world.create('lamp', { level: 1 }, { whenOffline: 'fail' });

    expect(await world.command(command.id)).toMatchObject({ status: 'failed', statusReason: 'offline' });
    expect(ours()).toHaveLength(0);
  });

  test('whenOffline fail with a device that goes before it saw the command', async () => {
    const device = await world.device('lamp', deaf);
    const command = await world.create('lamp', { level: 1 }, { whenOffline: 'fail' });
    expect(await status(command.id)).toBe('sent');

    await device.disconnect();
    await world.advance(10_000);

    expect(await world.command(command.id)).toMatchObject({ status: 'failed', endResult: 'withdrawn' });
    expect(world.document('lamp')?.state.desired).toBeUndefined();
  });
});

describe('D12 presence events', () => {
  const presence = async (): Promise<string> => got(await world.cloud.thing('lamp' as ThingName)).presence.state;

  test('one disconnect decides nothing before the settle time', async () => {
    world.lifecycle('connected', 'lamp', 4);
    world.lifecycle('disconnected', 'lamp', 4);
    await world.settle();
    expect(await presence()).toBe('online');

    await world.advance(5_000);
    expect(await presence()).toBe('offline');
  });

  test('a disconnect that comes after the next connect is an old story', async () => {
    world.lifecycle('connected', 'lamp', 5);
    world.lifecycle('disconnected', 'lamp', 4);
    await world.advance(10_000);

    expect(await presence()).toBe('online');
  });

  test('a sign of life within the settle time takes the disconnect back', async () => {
    world.lifecycle('connected', 'lamp', 4);
    world.lifecycle('disconnected', 'lamp', 4);
    await world.advance(1_000);
    world.lifecycle('connected', 'lamp', 5);
    await world.advance(10_000);

    expect(await presence()).toBe('online');
  });

  test('a connect that comes late, after its own disconnect, does not bring the device back', async () => {
    world.lifecycle('disconnected', 'lamp', 4);
    await world.advance(6_000);
    world.lifecycle('connected', 'lamp', 4);
    await world.settle();

    expect(await presence()).toBe('offline');
  });
});

describe('D13 late success', () => {
  test('is added once, the timeline keeps both', async () => {
    const command = await world.create('lamp', { level: 1 }, { expiresInMs: 1_000, onEnd: 'keep' });
    await world.advance(2_000);
    expect(await world.command(command.id)).toMatchObject({ status: 'expired', endResult: 'kept' });

    await world.report('lamp', { level: 1 });
    await world.report('lamp', { level: 1 });

    expect(await status(command.id)).toBe('succeeded_late');
    const events = got(await world.cloud.timeline(command.id)).map(({ event }) => event);
    expect(events.filter((event) => event === 'expired' || event === 'succeeded_late')).toEqual([
      'expired',
      'succeeded_late',
    ]);
  });

  test('is also found after a restart', async () => {
    const command = await world.create('lamp', { level: 1 }, { expiresInMs: 1_000, onEnd: 'keep' });
    await world.advance(2_000);
    world.crash();
    await world.report('lamp', { level: 1 });
    await world.restart();

    got(await world.cloud.follow([refOf('lamp')]));
    await world.settle();

    expect(await status(command.id)).toBe('succeeded_late');
  });

  test('the success of a later command is not given to the expired one', async () => {
    const first = await world.create('lamp', { level: 1 }, { expiresInMs: 1_000, onEnd: 'keep' });
    await world.advance(2_000);
    const second = await world.create('lamp', { level: 1 });

    await world.report('lamp', { level: 1 });

    expect([await status(first.id), await status(second.id)]).toEqual(['expired', 'succeeded']);
  });
});

test('D14 neither a PUBACK nor an accepted update is a sign of the device', async () => {
  await world.device('lamp', deaf);
  const command = await world.create('lamp', { level: 1 });
  await world.advance(30_000);

  const { status: now, deliveredAt } = await world.command(command.id);
  expect(now).toBe('sent');
  expect(deliveredAt).toBeUndefined();
});

describe('D15 a crash in the middle of a fan-out', () => {
  const refs = Array.from({ length: 300 }, (_, index) => refOf(`lamp-${index}`));
  const idempotency = { key: 'all lamps', fingerprint: 'same' };
  const ask = () => world.cloud.createMany({ refs, patch: { level: 1 }, by: { name: 'anna' }, idempotency });
  const children = async () => got(await world.ledger.commands({}, { limit: 1_000 })).items;

  test('before any of them reached the service: asked again, the same commands come back, each with one effect', async () => {
    world.faults({ kind: 'drop', message: 'update' });
    const first = ask();
    await world.advance(50);
    const { parentId, commands } = got(await first);
    world.crash();
    world.faults();
    await world.restart();
    await world.advance(60_000);

    const again = ask();
    await world.advance(50);

    expect(got(await again)).toMatchObject({ parentId, replayed: true });
    expect(new Set((await children()).map(({ id }) => id))).toEqual(new Set(commands.map(({ id }) => id)));
    // One effect each: the document has one version.
    expect(await children()).toMatchObject(refs.map(() => ({ status: 'sent', version: 1 })));
  });

  test('before it was stored: there is none, and asked again there are all', async () => {
    void ask();
    world.crash();
    await world.restart();
    await world.advance(1_000);
    expect(await children()).toEqual([]);

    const again = ask();
    await world.advance(1_000);

    expect(got(await again).commands).toHaveLength(refs.length);
    expect(await children()).toHaveLength(refs.length);
  });
});

describe('D21 and F1 the ledger refuses', () => {
  test.each(['ledger_full', 'ledger_unavailable'] as const)(
    '%s: new commands are refused, nothing of them goes out',
    async (code) => {
      world.ledger.refuse(code);

      const refused = world.cloud.create(aWish('lamp', { level: 1 }));
      await world.settle();

      expect(await refused).toMatchObject({ ok: false, problem: { code } });
      await world.advance(10_000);
      expect(ours()).toHaveLength(0);
      expect(await world.cloud.health()).toMatchObject({ ready: false });
    },
  );

  test('what happens meanwhile is stored when space returns, without a restart', async () => {
    const command = await world.create('lamp', { level: 1 });
    world.ledger.refuse('ledger_full');
    await world.report('lamp', { level: 1 });
    expect(await status(command.id)).toBe('sent');

    world.ledger.refuse(undefined);
    await world.advance(15_000);

    expect(await status(command.id)).toBe('succeeded');
    expect((await world.create('lamp', { level: 2 })).status).not.toBe('failed');
    expect(await world.cloud.health()).toMatchObject({ ready: true });
  });
});

describe('D22 the service throttles', () => {
  test('429 for a while: fewer and fewer attempts, then it goes through', async () => {
    world.faults({ kind: 'throttle', message: 'update' });
    const command = await world.create('lamp', { level: 1 });
    await world.advance(120_000);
    const attempts = ours().length;
    expect(attempts).toBeLessThan(20);
    expect(await world.command(command.id)).toMatchObject({ status: 'queued' });
    const explained = world.cloud.explainCommand(command.id);
    await world.settle();
    expect(got(await explained)).toMatchObject({ code: 'not_sent_throttled' });

    world.faults();
    await world.advance(120_000);

    expect(await status(command.id)).toBe('sent');
  });

  test('gets that are refused are asked again with growing pauses', async () => {
    world.faults({ kind: 'throttle', message: 'get' });
    await world.create('lamp', { level: 1 });
    await world.advance(120_000);

    expect(world.gets.length).toBeLessThan(20);
  });
});

describe('D24 a part is away', () => {
  test('no broker: commands are taken, wait, and go out when it is back', async () => {
    world.network.takeAway();
    await world.settle();
    const command = await world.create('lamp', { level: 1 });
    expect(command.status).toBe('queued');
    expect(await world.cloud.health()).toMatchObject({ transport: 'down', ready: true });

    world.network.bringBack();
    await world.advance(200_000);

    expect(await status(command.id)).toBe('sent');
  });

  test('no negative verdict while the shadow cannot be read: unverified, then judged', async () => {
    const device = await world.device('lamp', deaf);
    const command = await world.create('lamp', { level: 1 }, { expiresInMs: 60_000 });
    world.faults({ kind: 'drop', message: 'get' }, { kind: 'drop', message: 'update/accepted' });
    device.report({ level: 1, reconciler: { version: 1 } });
    await world.advance(120_000);
    expect(await world.command(command.id)).toMatchObject({ status: 'sent', statusReason: 'unverified' });

    world.faults();
    await world.advance(120_000);

    expect(await status(command.id)).toBe('succeeded');
  });
});

describe('E1, E2, E5 the wall clock jumps', () => {
  test('E1 an hour ahead: nothing times out that should not', async () => {
    const command = await world.create('lamp', { level: 1 }, { expiresInMs: 600_000 });
    world.clock.setWall(epochMs(world.clock.wall() + 3_600_000));
    world.serviceOffset(-3_600_000);

    await world.advance(300_000);
    expect(await status(command.id)).toBe('sent');

    await world.advance(310_000);
    expect(await status(command.id)).toBe('expired');
  });

  test('E2 two hours back: deadlines come when they would have come', async () => {
    const command = await world.create('lamp', { level: 1 }, { expiresInMs: 600_000 });
    world.clock.setWall(epochMs(world.clock.wall() - 7_200_000));
    world.serviceOffset(7_200_000);

    await world.advance(610_000);

    expect(await status(command.id)).toBe('expired');
  });

  test('E5 after a suspension the service confirms the time: evidence first, then deadlines', async () => {
    const device = await world.device('lamp', deaf);
    const expired = await world.create('lamp', { level: 1 }, { expiresInMs: 600_000 });
    const done = await world.create('lamp', { colour: 'red' }, { expiresInMs: 600_000 });
    world.clock.setWall(epochMs(world.clock.wall() + 8 * 3_600_000));
    device.report({ colour: 'red' });

    await world.advance(5_000);

    expect([await status(expired.id), await status(done.id)]).toEqual(['expired', 'succeeded']);
  });
});

test('E4 a deadline in 30 days is kept', async () => {
  const command = await world.create('lamp', { level: 1 }, { expiresInMs: 30 * 86_400_000 });

  await world.advance(60_000);

  expect(await status(command.id)).toBe('sent');
});

describe('two clocks', () => {
  test('the budget runs only while the device is online', async () => {
    const device = await world.device('lamp', deaf);
    const command = await world.create('lamp', { level: 1 }, { applyWithinMs: 60_000 });
    await world.advance(30_000);
    await device.disconnect();
    await world.advance(3_600_000);
    expect(await status(command.id)).toBe('sent');

    const returned = await world.device('lamp', deaf);
    await world.advance(20_000);
    expect(await status(command.id)).toBe('sent');
    await world.advance(20_000);

    expect(await world.command(command.id)).toMatchObject({ status: 'timed_out', statusReason: 'no_answer' });
    await returned.disconnect();
  });

  test('it stands still while a person holds every open field', async () => {
    await world.device('lamp', (device, _desired, version) =>
      device.report({ reconciler: { version, fields: { '/level': { outcome: 'overridden', by: 'panel' } } } }),
    );
    const command = await world.create('lamp', { level: 1 }, { applyWithinMs: 10_000, expiresInMs: 100_000 });
    await world.advance(60_000);
    expect(await status(command.id)).toBe('delivered');

    await world.advance(50_000);

    expect(await world.command(command.id)).toMatchObject({ status: 'timed_out', statusReason: 'overridden' });
  });
});

describe('nudges', () => {
  test('a connected device that lost the delta is told again, without stamping anything anew', async () => {
    await world.device('lamp', obedient);
    world.network.setConditions({ ...CALM, loss: 1 }, 'lamp');
    const command = await world.create('lamp', { level: 1 });
    world.network.clearConditions('lamp');
    const stamp = JSON.stringify(world.document('lamp')?.metadata.desired);

    await world.advance(20_000);

    expect(await status(command.id)).toBe('succeeded');
    expect(ours().at(-1)?.body['state']).toEqual({});
    expect(JSON.stringify(world.document('lamp')?.metadata.desired)).toBe(stamp);
  });

  test('an offline device is not nudged', async () => {
    const device = await world.device('lamp', deaf);
    await device.disconnect();
    await world.advance(10_000);
    await world.create('lamp', { level: 1 });

    await world.advance(600_000);

    expect(ours()).toHaveLength(1);
  });
});

describe('what becomes of desired', () => {
  test('restore goes back to the last value that was confirmed, over an unconfirmed wish in between', async () => {
    await world.device('lamp', (device, desired) => (desired['level'] === 1 ? device.report({ level: 1 }) : undefined));
    await world.create('lamp', { level: 1 });
    await world.create('lamp', { level: 2 });
    const last = await world.create('lamp', { level: 3 });

    const cancelled = world.cloud.act(last.id, { type: 'cancel', by: { name: 'ben' }, reason: 'wrong' });
    await world.settle();

    expect(got(await cancelled)).toMatchObject({ status: 'cancelled' });
    await world.advance(1_000);
    expect(await world.command(last.id)).toMatchObject({ endResult: 'restored' });
    expect(world.document('lamp')?.state.desired).toEqual({ level: 1 });
  });

  test('what somebody else has written since is kept', async () => {
    const command = await world.create('lamp', { level: 1 }, { expiresInMs: 5_000 });
    await world.desire('lamp', { level: 1 });
    await world.advance(10_000);

    expect(await world.command(command.id)).toMatchObject({ status: 'expired', endResult: 'kept' });
    expect(world.document('lamp')?.state.desired).toEqual({ level: 1 });
  });

  test('a crash before the restore does not lose it', async () => {
    world.faults({ kind: 'drop', message: 'update', times: 1 });
    await world.desire('lamp', { level: 9 });
    world.faults();
    await world.desire('lamp', { level: 9 });
    const command = await world.create('lamp', { level: 1 });
    world.faults({ kind: 'throttle', message: 'update' });
    const cancelled = world.cloud.act(command.id, { type: 'cancel', by: { name: 'ben' } });
    await world.settle();
    got(await cancelled);
    expect(await world.command(command.id)).toMatchObject({ endResult: 'not_yet' });
    world.crash();
    world.faults();

    await world.restart();
    got(await world.cloud.follow([refOf('lamp')]));
    await world.advance(10_000);

    expect(await world.command(command.id)).toMatchObject({ endResult: 'restored' });
    expect(world.document('lamp')?.state.desired).toEqual({ level: 9 });
  });
});

describe('operators', () => {
  test('rollback of a success writes a new command that restores what was before', async () => {
    await world.device('lamp', plain);
    await world.create('lamp', { level: 1 });
    const second = await world.create('lamp', { level: 2 });

    const acted = world.cloud.act(second.id, { type: 'rollback', by: { name: 'ben' }, reason: 'too bright' });
    await world.settle();
    const rollback = got(await acted);

    expect(rollback).toMatchObject({ author: 'ben', reason: 'too bright', rollbackOf: second.id, patch: { level: 1 } });
    expect(await status(rollback.id)).toBe('succeeded');
    expect(await status(second.id)).toBe('succeeded');
  });

  test('rollback loses to a change made since', async () => {
    await world.device('lamp', plain);
    const command = await world.create('lamp', { level: 2 });
    await world.desire('lamp', { level: 5 });

    const acted = world.cloud.act(command.id, { type: 'rollback', by: { name: 'ben' } });
    await world.settle();

    expect(await world.command(got(await acted).id)).toMatchObject({
      status: 'failed',
      statusReason: 'version_conflict',
    });
    expect(world.document('lamp')?.state.desired).toEqual({ level: 5 });
  });

  test('retry of an ended command is a new one that names it; of an open one a nudge', async () => {
    const device = await world.device('lamp', deaf);
    const command = await world.create('lamp', { level: 1 }, { applyWithinMs: 2_000 });
    const nudged = world.cloud.act(command.id, { type: 'retry', by: { name: 'ben' } });
    await world.settle();
    expect(got(await nudged).id).toBe(command.id);
    expect(ours().at(-1)?.body['state']).toEqual({});
    await world.advance(10_000);
    expect(await status(command.id)).toBe('timed_out');
    device.behave = obedient;

    const again = world.cloud.act(command.id, { type: 'retry', by: { name: 'ben' } });
    await world.settle();

    expect(got(await again)).toMatchObject({ retryOf: command.id });
    expect(await status(got(await again).id)).toBe('succeeded');
  });

  test('extend gives an open command more time, cancel ends it, and neither works on an ended one', async () => {
    const command = await world.create('lamp', { level: 1 }, { expiresInMs: 60_000 });
    const later = epochMs(world.clock.wall() + 600_000);
    const extended = world.cloud.act(command.id, { type: 'extend', by: { name: 'ben' }, expiresAt: later });
    await world.settle();
    expect(got(await extended).policy.expiresAt).toBe(later);
    await world.advance(300_000);
    expect(await status(command.id)).toBe('sent');

    const cancelled = world.cloud.act(command.id, { type: 'cancel', by: { name: 'ben' } });
    await world.settle();
    expect(got(await cancelled).status).toBe('cancelled');
    const late = world.cloud.act(command.id, { type: 'extend', by: { name: 'ben' }, applyMoreMs: 1 });
    await world.settle();
    expect(await late).toMatchObject({ ok: false, problem: { code: 'command_ended' } });
  });
});

describe('a restart does not change what drift is put down to', () => {
  const entries = async () => got(await world.cloud.drift({}, { limit: 9 })).items;

  test.each(['before', 'after'] as const)('changed at a plain device %s it', async (when) => {
    const command = await world.create('lamp', { level: 1 });
    await world.report('lamp', { level: 1 });
    expect(await status(command.id)).toBe('succeeded');
    if (when === 'before') await world.report('lamp', { level: 5 });
    await world.advance(2_000);
    world.crash();
    await world.restart();
    await world.advance(2_000);

    await world.report('lamp', { level: when === 'before' ? 6 : 5 });

    expect(await entries()).toMatchObject([{ field: '/level', cause: 'changed_on_device', flaps: 0 }]);
    await world.report('lamp', { level: 1 });
    await world.report('lamp', { level: 7 });
    expect(await entries()).toMatchObject([{ cause: 'changed_on_device', flaps: 1 }]);
  });
});
