import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FieldPointer } from '../../../../src/core/brand.ts';
import type { Command } from '../../../../src/core/command/command.ts';
import type { Desk } from '../../../../src/core/desk/desk.ts';
import { openDesk } from '../../../../src/core/desk/next.ts';
import {
  acknowledged,
  driftAfter,
  driftFrom,
  NO_DRIFT,
  withEnded,
  type DriftState,
} from '../../../../src/core/drift/drift-state.ts';
import type { JsonObject } from '../../../../src/core/json/json.ts';
import { leavesOf } from '../../../../src/core/json/json-pointer.ts';
import { NO_MODEL } from '../../../../src/core/model/model.ts';
import { seeAccepted, type AcceptedUpdate } from '../../../../src/core/view/sight.ts';
import { absentView, foreignSource } from '../../../../src/core/view/view.ts';
import { accepted, at, commandId, commandIn, field, HEATER, T0 } from '../../../support/command-fixtures.ts';
import { presence } from '../../../support/desk-world.ts';

const context = { model: NO_MODEL, rules: [], now: T0 };
const TARGET = field('/targetC');

function deskAfter(updates: readonly AcceptedUpdate[], state: 'online' | 'offline' = 'online'): Desk {
  let desk = openDesk(HEATER, { view: absentView(HEATER, 1, T0), open: [], ended: [], writes: [] }, presence(state));
  for (const update of updates) {
    const source = (): string => foreignSource(update.clientToken);
    desk = { ...desk, sight: seeAccepted(desk.sight, { update, source }, { ref: HEATER, now: T0 }).sight };
  }
  return desk;
}

const drifting = deskAfter([accepted(1, { desired: { targetC: 22 } }), accepted(2, { reported: { targetC: 20 } })]);
const agreeing = deskAfter([accepted(1, { desired: { targetC: 22 } }), accepted(2, { reported: { targetC: 22 } })]);

test('a difference has the age of its first sight, however often it is looked at', () => {
  const first = driftAfter(NO_DRIFT, drifting, undefined, context).state;

  const later = driftAfter(first, drifting, [TARGET], { ...context, now: at(5_000) });

  expect(later.changed.size).toBe(0);
  expect(later.state.entries.get(TARGET)?.firstSeenAt).toBe(T0);
});

test('a field that agrees and differs again has flapped, and says when it last agreed', () => {
  let state: DriftState = NO_DRIFT;
  for (const [index, desk] of [drifting, agreeing, drifting, agreeing, drifting].entries()) {
    state = driftAfter(state, desk, [TARGET], { ...context, now: at(index * 1_000) }).state;
  }

  expect(state.entries.get(TARGET)).toMatchObject({ flaps: 2, firstSeenAt: at(4_000), lastAgreedAt: at(4_000) });
});

test('the count of a field that agrees is kept apart and goes on after a restart', () => {
  let step = driftAfter(driftAfter(NO_DRIFT, drifting, undefined, context).state, agreeing, [TARGET], context);
  expect(step.flapped).toEqual([{ field: TARGET, flaps: 1, version: 1 }]);

  const stored = { entries: [], ended: [], flapped: step.flapped, view: agreeing.sight.view };
  step = driftAfter(driftFrom(stored, NO_MODEL), drifting, [TARGET], context);
  expect(step.state.entries.get(TARGET)).toMatchObject({ flaps: 1, cause: 'changed_on_device' });
  step = driftAfter(step.state, agreeing, [TARGET], context);
  expect(step.flapped).toEqual([{ field: TARGET, flaps: 2, version: 1 }]);
});

test('a shadow cannot fill the ledger with fields that flap', () => {
  const names = Array.from({ length: 100 }, (_, index) => `f${index}`);
  const all = (value: number): JsonObject => Object.fromEntries(names.map((name) => [name, value]));
  let state: DriftState = NO_DRIFT;
  let kept = 0;
  for (const name of names) {
    const wished = accepted(1, { desired: all(1) });
    for (const value of [0, 1]) {
      const desk = deskAfter([wished, accepted(2, { reported: { ...all(1), [name]: value } })]);
      const step = driftAfter(state, desk, [`/${name}` as FieldPointer], context);
      state = step.state;
      kept += step.flapped.length;
    }
  }
  expect(kept).toBe(64);
});

test.each([
  ['offline', 'offline'],
  ['online', 'foreign_desired'],
] as const)('while the device is %s the cause is %s', (state, cause) => {
  const desk = deskAfter(
    [accepted(1, { reported: { targetC: 20 } }), accepted(2, { desired: { targetC: 22 } })],
    state,
  );

  expect(driftAfter(NO_DRIFT, desk, undefined, context).state.entries.get(TARGET)?.cause).toBe(cause);
});

test('what an ended command left stays, although it no longer differs, until acknowledged', () => {
  const held = withEnded(NO_DRIFT, commandIn('timed_out', { statusReason: 'no_answer' })).state;
  const { state } = driftAfter(held, agreeing, undefined, context);
  expect(state.entries.get(TARGET)).toMatchObject({ differs: false, cause: 'stuck', author: 'anna' });

  const after = acknowledged(state, TARGET, { by: 'ben', at: at(1) });

  expect(after?.state.entries.size).toBe(0);
  expect(driftAfter(after?.state ?? NO_DRIFT, agreeing, undefined, context).changed.size).toBe(0);
});

test('what an ended command left names the open command that asks for it again, and only while that is open', () => {
  const ended = commandIn('failed');
  const held = withEnded(NO_DRIFT, ended).state;
  const [first, newest] = [2, 3].map((number) => commandIn('sent', { id: commandId(number) }));
  const others = commandIn('sent', { id: commandId(4), fields: [{ ...ended.fields[0]!, field: field('/fan') }] });
  const withCommands = (...commands: Command[]): Desk => ({
    ...drifting,
    commands: new Map(commands.map((command) => [command.id, command])),
  });
  let { state } = driftAfter(held, withCommands(first!, newest!, others), [TARGET], context);
  expect(state.entries.get(TARGET)).toMatchObject({
    differs: false,
    cause: 'refused',
    endedCommandId: ended.id,
    openCommandId: newest!.id,
  });

  state = driftAfter(state, withCommands(others), [TARGET], context).state;

  expect(state.entries.get(TARGET)).toMatchObject({ differs: true });
  expect(state.entries.get(TARGET)).not.toHaveProperty('openCommandId');
});

test('late success lets go of the field', () => {
  const held = withEnded(NO_DRIFT, commandIn('expired')).state;

  expect(withEnded(held, commandIn('succeeded_late')).state.ended.size).toBe(0);
});

test('kept incrementally, by the fields each update touched, the report is the one a full sweep gives', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const leaf = fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constant(null), fc.constant([1]));
  const patch = fc.dictionary(key, fc.oneof(leaf, fc.dictionary(key, leaf, { maxKeys: 2 })), {
    minKeys: 1,
    maxKeys: 3,
  });
  const update = fc.record({ section: fc.constantFrom('desired', 'reported'), patch });
  fc.assert(
    fc.property(fc.array(update, { minLength: 1, maxLength: 15, size: 'max' }), (updates) => {
      let state: DriftState = NO_DRIFT;
      const sofar: AcceptedUpdate[] = [];
      for (const { section, patch: body } of updates) {
        sofar.push(accepted(sofar.length + 1, { [section]: body as JsonObject }));
        const touched: FieldPointer[] = leavesOf(body as JsonObject).map(([pointer]) => pointer);
        state = driftAfter(state, deskAfter(sofar), touched, context).state;
      }
      const desk = deskAfter(sofar);

      expect(driftAfter(state, desk, undefined, context).changed.size).toBe(0);
      const swept = driftAfter(NO_DRIFT, desk, undefined, context).state;
      const values = (from: DriftState) =>
        [...from.entries.values()]
          .map(({ field: name, desired, reported }) => JSON.stringify([name, desired, reported]))
          .sort();
      expect(values(state)).toEqual(values(swept));
    }),
    { numRuns: 500 },
  );
});
