import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonEqual } from '../../../../src/core/json/json-equal.ts';
import { isJsonObject, member, type JsonObject, type JsonValue } from '../../../../src/core/json/json.ts';
import { delta } from '../../../../src/core/shadow/delta.ts';
import { AWS_RULES, jsonBytes } from '../../../../src/core/shadow/limits.ts';
import { mergeSection } from '../../../../src/core/shadow/merge.ts';
import { stampedShape, stampedText } from '../../../../src/core/shadow/metadata.ts';
import { applyUpdate, recordOf, type ShadowRecord } from '../../../../src/core/shadow/update.ts';
import { patch, section, updateState } from '../../../support/json-arbitraries.ts';

const bytesOf = (value: JsonValue): number => Buffer.byteLength(JSON.stringify(value));
const frozen = <T extends JsonValue>(value: T): T => {
  if (typeof value === 'object' && value !== null) {
    for (const child of Object.values(value)) frozen(child as JsonValue);
    Object.freeze(value);
  }
  return value;
};

test('the size that is counted is the size that JSON would have', () => {
  fc.assert(
    fc.property(patch, (value) => {
      expect(jsonBytes(value)).toBe(bytesOf(value));
    }),
  );
});

test('stamps written as text are what JSON would make of the stamps, whatever the names and however often', () => {
  const keys = new Map<string, string>();
  fc.assert(
    fc.property(patch, fc.nat(), (value, timestamp) => {
      const text = JSON.stringify(stampedShape(value, { timestamp }));
      expect(stampedText(value, timestamp, keys)).toBe(text);
      expect(stampedText(value, timestamp, keys)).toBe(text);
    }),
  );
});

test('merging twice changes nothing more', () => {
  fc.assert(
    fc.property(section, patch, (target, change) => {
      const once = mergeSection(frozen(target), frozen(change));
      expect(mergeSection(once, change)).toEqual(once);
    }),
  );
});

test('a merge leaves alone what the patch does not name, and null removes what it names', () => {
  fc.assert(
    fc.property(section, patch, (target, change) => {
      const merged = mergeSection(target, change) ?? {};
      for (const key of Object.keys(target)) {
        if (!Object.hasOwn(change, key)) expect(member(merged, key)).toBe(member(target, key));
      }
      for (const key of Object.keys(change))
        if (member(change, key) === null) expect(Object.hasOwn(merged, key)).toBe(false);
      expect(JSON.stringify(merged)).not.toMatch(/[:[,]null/);
    }),
  );
});

test('the delta is empty exactly when reported matches every member of desired', () => {
  fc.assert(
    fc.property(section, section, (desired, reported) => {
      expect(delta({ desired, reported }) === undefined).toBe(covers(reported, desired));
    }),
  );
});

function covers(reported: JsonValue | undefined, desired: JsonValue): boolean {
  if (reported === undefined) return false;
  if (!isJsonObject(desired) || !isJsonObject(reported)) return jsonEqual(desired, reported);
  return Object.keys(desired).every((key) => covers(member(reported, key), member(desired, key) as JsonValue));
}

test('reporting the delta empties it', () => {
  fc.assert(
    fc.property(section, section, (desired, reported) => {
      const difference = delta({ desired, reported });
      if (difference === undefined) return;
      const after = mergeSection(reported, difference);
      expect(after === undefined ? desired : delta({ desired, reported: after })).toBeUndefined();
    }),
  );
});

test('after any run of updates the kept delta and size are those of a fresh walk, and metadata has the shape of the state', () => {
  fc.assert(
    fc.property(fc.array(updateState, { maxLength: 8 }), (states) => {
      let record: ShadowRecord | undefined;
      states.forEach((state, index) => {
        const before = record && JSON.stringify(record.document);
        const updated = applyUpdate(
          { record, nowSeconds: index + 1, rules: { ...AWS_RULES, documentBytesMax: 1e9 } },
          { state: frozen(state as JsonObject | null) },
        );
        if (!updated.ok) throw new Error(updated.problem.message);
        if (record !== undefined) expect(JSON.stringify(record.document)).toBe(before);
        record = updated.value.record;
        const fresh = recordOf(record.document);
        expect(record.delta).toEqual(fresh.delta);
        expect(record.bytes).toBe(fresh.bytes);
        expect(record.document.version).toBe(index + 1);
        sameShape(record.document.state as JsonValue, record.document.metadata as JsonValue);
        if (updated.value.delta) sameShape(updated.value.delta.state, updated.value.delta.metadata);
      });
    }),
  );
});

function sameShape(state: JsonValue, metadata: JsonValue): void {
  if (Array.isArray(state)) {
    expect(Array.isArray(metadata)).toBe(true);
    expect((metadata as JsonValue[]).length).toBe(state.length);
    state.forEach((item, index) => sameShape(item as JsonValue, (metadata as JsonValue[])[index] as JsonValue));
  } else if (isJsonObject(state)) {
    expect(Object.keys(metadata as JsonObject).sort()).toEqual(Object.keys(state).sort());
    for (const key of Object.keys(state))
      sameShape(member(state, key) as JsonValue, member(metadata as JsonObject, key) as JsonValue);
  } else {
    expect(metadata).toEqual({ timestamp: expect.any(Number) as number });
  }
}
