import assert from 'node:assert/strict';
import type { FieldPointer } from '../../src/core/brand.ts';
import { jsonEqual } from '../../src/core/json/json-equal.ts';
import { overlaps, parsePointer } from '../../src/core/json/json-pointer.ts';
import type { JsonValue } from '../../src/core/json/json.ts';
import type { FieldApplied, FieldReading, StateAdapter } from '../../src/ports/state-adapter.ts';
import { unfit } from '../../src/core/reconcile/unfit.ts';

/** Those of vitest, jest or node:test, whichever the adapter's author uses. */
export interface TestApi {
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (name: string, body: () => Promise<void>) => void;
}

/** An adapter over hardware (or a good double of it), and what the suite may do to it. */
export interface AdapterUnderTest {
  readonly adapter: StateAdapter;
  /** Two different values per field that the hardware takes. Fields that are only read are left out. */
  readonly takes: Readonly<Record<string, readonly [JsonValue, JsonValue]>>;
  /** A value per field that the hardware must refuse, where there is one. */
  readonly refuses?: Readonly<Record<string, JsonValue>>;
  /** Changes a field past the adapter, as a person would. Needed if the adapter has `watch`. */
  readonly turn?: (field: FieldPointer, value: JsonValue) => void | Promise<void>;
  /** When a read-back counts as the value that was applied. Default: JSON equality. */
  readonly same?: (wish: JsonValue, read: JsonValue) => boolean;
  readonly close?: () => void | Promise<void>;
}

/** Longer than any adapter should need to notice an abort or a change by hand. */
const PATIENCE_MS = 5_000;

/**
 * What every state adapter promises (`StateAdapter`), as tests for the author of one:
 *
 *     import { describe, test } from 'node:test';
 *     import { describeStateAdapter } from 'shadowctl/testing';
 *
 *     describeStateAdapter({ describe, test }, 'fan', () => ({ adapter: new Fan(), takes: { '/speed': [1, 2] } }));
 */
export function describeStateAdapter(
  { describe, test }: TestApi,
  name: string,
  open: () => AdapterUnderTest | Promise<AdapterUnderTest>,
): void {
  const check = (title: string, body: (subject: AdapterUnderTest) => Promise<void>): void => {
    test(title, async () => {
      const subject = await open();
      try {
        await body(subject);
      } finally {
        await subject.close?.();
      }
    });
  };
  describe(`state adapter: ${name}`, () => {
    check('its fields are JSON Pointers that do not overlap', checkFields);
    check('a reading tells every field once, as JSON that a shadow can hold', checkReading);
    check('what was applied is what is read', checkApply);
    check('the same value applied again does no harm', checkRepetition);
    check('a change leaves the other fields alone', checkNeighbours);
    check('a value that it cannot take is refused with code and message, and nothing changes', checkRefusal);
    check('an abort ends an apply', checkAbort);
    check('what was undone is as before', checkUndo);
    check('a change by hand wakes the watcher, until the watch is cancelled', checkWatch);
  });
}

const calm = (): AbortSignal => new AbortController().signal;

function checkFields({ adapter }: AdapterUnderTest): Promise<void> {
  assert.ok(adapter.fields.length > 0, 'an adapter owns at least one field');
  for (const [index, field] of adapter.fields.entries()) {
    assert.ok(parsePointer(field).ok, `${field} is a JSON Pointer`);
    for (const other of adapter.fields.slice(index + 1)) {
      assert.ok(!overlaps({ left: field, right: other }), `${field} and ${other} overlap`);
    }
  }
  return Promise.resolve();
}

async function checkReading({ adapter }: AdapterUnderTest): Promise<void> {
  const readings = await adapter.read(calm());
  assert.deepEqual(readings.map(({ field }) => field).sort(), [...adapter.fields].sort());
  for (const reading of readings) {
    if ('value' in reading) assert.equal(unfit(reading.value), undefined, `${reading.field} can stand in a shadow`);
    else assert.ok(reading.unreadable.code !== '' && reading.unreadable.message !== '', 'unreadable says why');
  }
}

async function checkApply(subject: AdapterUnderTest): Promise<void> {
  for (const [field, values] of takes(subject)) {
    for (const value of [...values, values[0]]) {
      const results = await applyTo(subject, field, value);
      assert.deepEqual(
        results.map((result) => result.field),
        [field],
        'one answer for the one field',
      );
      assert.equal(results[0]?.result, 'applied', `${field} takes ${JSON.stringify(value)}: ${words(results[0])}`);
      assertSame(subject, value, await valueOf(subject, field));
    }
  }
}

async function checkRepetition(subject: AdapterUnderTest): Promise<void> {
  for (const [field, [value]] of takes(subject)) {
    await applyTo(subject, field, value);
    const [again] = await applyTo(subject, field, value);
    assert.equal(again?.result, 'applied', words(again));
    assertSame(subject, value, await valueOf(subject, field));
  }
}

async function checkNeighbours(subject: AdapterUnderTest): Promise<void> {
  for (const [field, values] of takes(subject)) {
    await applyTo(subject, field, values[0]);
    const before = await readAll(subject);
    await applyTo(subject, field, values[1]);
    const after = await readAll(subject);
    for (const other of subject.adapter.fields) {
      if (other !== field && Object.hasOwn(subject.takes, other)) assert.deepEqual(after.get(other), before.get(other));
    }
  }
}

async function checkRefusal(subject: AdapterUnderTest): Promise<void> {
  for (const [field, value] of Object.entries(subject.refuses ?? {}) as [FieldPointer, JsonValue][]) {
    const before = await valueOf(subject, field);
    const [result] = await applyTo(subject, field, value);
    assert.ok(result?.result === 'refused', `${field} refuses ${JSON.stringify(value)}: ${words(result)}`);
    assert.ok(result.code !== '' && result.message !== '', 'a refusal says why');
    assert.deepEqual(await valueOf(subject, field), before);
  }
}

async function checkAbort(subject: AdapterUnderTest): Promise<void> {
  const [first] = takes(subject);
  if (first === undefined) return;
  const [field, [value]] = first;
  const controller = new AbortController();
  // It may have finished, failed or thrown; it must not go on.
  const applying = Promise.resolve(subject.adapter.apply(frozen(field, value), controller.signal)).catch(
    () => undefined,
  );
  controller.abort();
  await withinPatience(applying, 'an aborted apply ends');
}

async function checkUndo(subject: AdapterUnderTest): Promise<void> {
  const { adapter } = subject;
  if (adapter.undo === undefined) return;
  for (const [field, [earlier, later]] of takes(subject)) {
    await applyTo(subject, field, earlier);
    await applyTo(subject, field, later);
    await adapter.undo(frozen(field, earlier), calm());
    assertSame(subject, earlier, await valueOf(subject, field));
  }
}

async function checkWatch(subject: AdapterUnderTest): Promise<void> {
  const { adapter, turn } = subject;
  const [first] = takes(subject);
  if (adapter.watch === undefined || first === undefined) return;
  assert.ok(turn !== undefined, 'an adapter with `watch` is tested with `turn`');
  const [field, [earlier, later]] = first;
  await applyTo(subject, field, earlier);
  let wakes = 0;
  let wake: () => void = () => undefined;
  const woken = new Promise<void>((resolve) => (wake = resolve));
  const cancel = adapter.watch(() => {
    wakes += 1;
    wake();
  });
  await turn(field, later);
  await withinPatience(woken, 'a change by hand wakes the watcher');
  assertSame(subject, later, await valueOf(subject, field));
  cancel();
  cancel();
  const before = wakes;
  await turn(field, earlier);
  await valueOf(subject, field);
  assert.equal(wakes, before, 'nobody is woken after the watch was cancelled');
}

function takes(subject: AdapterUnderTest): [FieldPointer, readonly [JsonValue, JsonValue]][] {
  return Object.entries(subject.takes) as [FieldPointer, readonly [JsonValue, JsonValue]][];
}

/** As the reconciler calls it: with frozen arguments. */
async function applyTo({ adapter }: AdapterUnderTest, field: FieldPointer, value: JsonValue) {
  return adapter.apply(frozen(field, value), calm());
}

function frozen(field: FieldPointer, value: JsonValue) {
  return Object.freeze([Object.freeze({ field, value })]);
}

async function readAll({ adapter }: AdapterUnderTest): Promise<Map<FieldPointer, FieldReading>> {
  return new Map((await adapter.read(calm())).map((reading) => [reading.field, reading]));
}

async function valueOf(subject: AdapterUnderTest, field: FieldPointer): Promise<JsonValue> {
  const reading = (await readAll(subject)).get(field);
  assert.ok(reading !== undefined && 'value' in reading, `${field} can be read`);
  return reading.value;
}

function assertSame({ same = jsonEqual }: AdapterUnderTest, wish: JsonValue, read: JsonValue): void {
  assert.ok(same(wish, read), `applied ${JSON.stringify(wish)}, read ${JSON.stringify(read)}`);
}

function words(result: FieldApplied | undefined): string {
  return JSON.stringify(result) ?? 'no answer';
}

async function withinPatience(work: Promise<unknown>, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `${what} within ${PATIENCE_MS} ms` })),
      PATIENCE_MS,
    );
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
