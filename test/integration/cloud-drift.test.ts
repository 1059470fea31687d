import { afterEach, beforeEach, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import type { Cloud } from '../../src/cloud/cloud.ts';
import type { FieldPointer } from '../../src/core/brand.ts';
import type { DriftEntry } from '../../src/core/drift/drift.ts';
import { App } from '../support/app.ts';
import { aWish, cloudAt, ended, endOf, got, refOf } from '../support/cloud.ts';
import { eventually } from '../support/eventually.ts';

let simulator: Simulator;
let app: App;
let cloud: Cloud;

beforeEach(async () => {
  simulator = await startSimulator();
  app = await App.connect(simulator.mqttUrl);
  cloud = cloudAt(simulator.mqttUrl);
  got(await cloud.start());
});

afterEach(async () => {
  await cloud.stop();
  await app.close();
  await simulator.stop();
});

const report = (state: Record<string, unknown>): Promise<void> =>
  app.publish('$aws/things/heater/shadow/update', { state: { reported: state } });

async function drift(more: Parameters<Cloud['drift']>[0] = {}): Promise<readonly DriftEntry[]> {
  return got(await cloud.drift(more, { limit: 100 })).items;
}

test('a field that a foreign writer changed drifts with that cause until the device follows', async () => {
  await report({ targetC: 20 });
  await app.desire('heater', { targetC: 21 });

  const [entry] = await eventually(async () => ((await drift()).length === 1 ? drift() : undefined));
  expect(entry).toMatchObject({ field: '/targetC', desired: 21, reported: 20, cause: 'foreign_desired', flaps: 0 });

  await report({ targetC: 21 });
  await eventually(async () => (await drift()).length === 0);
});

test('a field that was confirmed and then changed at the device drifts as such, with the author of the wish', async () => {
  const { command } = got(await cloud.create(aWish('heater', { targetC: 22 })));
  await eventually(async () => got(await cloud.command(command.id)).status === 'sent');
  await report({ targetC: 22 });
  await endOf(cloud, command.id);

  await report({ targetC: 18 });

  const [entry] = await eventually(async () => ((await drift()).length === 1 ? drift() : undefined));
  expect(entry).toMatchObject({ cause: 'changed_on_device', author: 'anna', commandId: command.id });
  expect(entry?.lastAgreedAt).toBeDefined();
});

test('an open command explains a difference, its bad end does not go unseen until acknowledged', async () => {
  await report({ targetC: 20 });
  const open = got(await cloud.create(aWish('heater', { targetC: 21 }))).command;
  await eventually(async () => got(await cloud.command(open.id)).status === 'sent');
  expect(await drift()).toEqual([]);

  const { command } = got(await cloud.create(aWish('heater', { targetC: 22 }, { expiresInMs: 1_000 })));
  expect(await endOf(cloud, command.id)).toMatchObject({ status: 'expired' });

  const [entry] = await eventually(async () => ((await drift()).length === 1 ? drift() : undefined));
  expect(entry).toMatchObject({ field: '/targetC', endedCommandId: command.id, author: 'anna' });
  const again = got(await cloud.create(aWish('heater', { targetC: 23 }))).command;
  await eventually(async () => (await drift())[0]?.openCommandId === again.id);
  got(
    await cloud.acknowledgeDrift({ ref: refOf('heater'), field: '/targetC' as FieldPointer }, { name: 'ben' }, 'seen'),
  );
  expect(await drift()).toEqual([]);
});

test('an ignore rule hides drift from the list and counts it, until it is removed or ends by itself', async () => {
  await report({ targetC: 20 });
  await app.desire('heater', { targetC: 21 });
  await eventually(async () => (await drift()).length === 1);

  const by = { name: 'ben' };
  const rule = { thing: 'heat*', field: '/targetC', reason: 'known', by };
  const { rule: made, hides } = got(await cloud.addIgnoreRule(rule));
  const { id } = made;
  expect(hides).toBe(1);
  expect(await drift()).toEqual([]);
  expect(got(await cloud.driftCounts({}))).toMatchObject({ fields: 0, ignored: 1 });
  got(await cloud.removeIgnoreRule(id, by));
  expect(await drift()).toHaveLength(1);

  got(await cloud.addIgnoreRule({ ...rule, expiresAt: (Date.now() + 200) as DriftEntry['firstSeenAt'] }));
  await eventually(async () => (await drift()).length === 1);
  expect(got(await cloud.driftCounts({}))).toMatchObject({ fields: 1, ignored: 0 });
});

test('every rule is counted for itself; what two rules cover counts for the older one', async () => {
  await report({ targetC: 20, fan: 1 });
  await app.desire('heater', { targetC: 21, fan: 2 });
  await eventually(async () => (await drift()).length === 2);

  const by = { name: 'ben' };
  const rule = (thing: string, field: string) => cloud.addIgnoreRule({ thing, field, reason: 'known', by });
  const fan = got(await rule('heater', '/fan')).rule;
  const all = got(await rule('*', '/*')).rule;
  got(await rule('pump-*', '*'));

  const counts = async () => got(await cloud.ignoreRules()).map(({ hides }) => hides);
  expect(await counts()).toEqual([1, 1, 0]);
  const covered = await drift({ ruleId: all.id, includeIgnored: true });
  expect(covered.map(({ field }) => field)).toEqual(['/targetC']);
  got(await cloud.removeIgnoreRule(fan.id, by));
  expect(await counts()).toEqual([2, 0]);
});

test('a command that fails leaves its refused field in the report with the code of the device', async () => {
  await report({ fan: 2, reconciler: { version: 0 } });
  const wish = aWish('heater', { fan: 9 }, { onEnd: 'keep' });
  const refusing = ended(cloud, wish);
  const version = await eventually(() => {
    const document = simulator.document('heater');
    return document?.state.desired?.['fan'] === 9 ? document.version : undefined;
  });
  await report({
    reconciler: { version, fields: { '/fan': { outcome: 'refused', code: 'out_of_range', message: '1 to 5' } } },
  });

  expect(await refusing).toMatchObject({ status: 'failed', statusReason: 'refused' });
  const [entry] = await eventually(async () => ((await drift()).length === 1 ? drift() : undefined));
  expect(entry).toMatchObject({ cause: 'refused', detail: { code: 'out_of_range', message: '1 to 5' } });
});
