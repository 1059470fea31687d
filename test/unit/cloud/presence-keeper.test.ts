import { expect, test } from 'vitest';
import { SimulatedClock } from '../../../simulators/time/simulated-clock.ts';
import { PresenceKeeper } from '../../../src/cloud/presence-keeper.ts';
import { SteadyTime } from '../../../src/cloud/steady-time.ts';
import type { ThingName } from '../../../src/core/brand.ts';
import type { Presence } from '../../../src/core/presence/presence.ts';
import { PRESENCE_SETTINGS } from '../../../src/core/presence/track.ts';

const heater = 'heater-1' as ThingName;
const { settleMs, trafficMs } = PRESENCE_SETTINGS;

/** A keeper that was told that the heater is connected, and what it says from then on. */
function keeper() {
  const clock = new SimulatedClock();
  const told: Presence['state'][] = [];
  const presence = new PresenceKeeper(
    { time: new SteadyTime(clock), clock, settings: PRESENCE_SETTINGS },
    ({ state }) => void told.push(state),
  );
  presence.hear(heater, { type: 'connected', version: 1 });
  told.length = 0;
  return { clock, presence, told };
}

test('a disconnect is believed when it has stood for the settle time', async () => {
  const { clock, presence, told } = keeper();
  presence.hear(heater, { type: 'disconnected', version: 1, reason: 'CONNECTION_LOST' });
  await clock.advance(settleMs - 1);
  expect(told).toEqual([]);
  await clock.advance(1);
  expect(told).toEqual(['offline']);
});

test('seed 23: who was about to be missed when our own link broke is unknown at once, and stays so', async () => {
  const { clock, presence, told } = keeper();
  presence.hear(heater, { type: 'disconnected', version: 1, reason: 'CONNECTION_LOST' });
  await clock.advance(settleMs - 1);
  presence.deaf();
  expect(told).toEqual(['unknown']);
  expect(presence.counts()).toEqual({ online: 0, offline: 0, unknown: 1 });
  // It may have come back meanwhile: nobody would have told us.
  await clock.advance(trafficMs);
  expect(told).toEqual(['unknown']);
  expect(presence.get(heater)).toMatchObject({ state: 'unknown', source: 'none' });
});

test('who was there when our own link broke counts as there for as long as after a sign of life', async () => {
  const { clock, presence, told } = keeper();
  presence.deaf();
  await clock.advance(trafficMs - 1);
  expect(told).toEqual([]);
  await clock.advance(1);
  expect(told).toEqual(['unknown']);
});

test('who was known to be away when our own link broke stays away until there is a sign of life', async () => {
  const { clock, presence, told } = keeper();
  presence.hear(heater, { type: 'disconnected', version: 1, reason: 'CONNECTION_LOST' });
  await clock.advance(settleMs);
  presence.deaf();
  await clock.advance(trafficMs);
  expect(told).toEqual(['offline']);
  presence.hear(heater, { type: 'traffic' });
  expect(told).toEqual(['offline', 'online']);
});
