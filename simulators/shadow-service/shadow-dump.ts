import { problem } from '../../src/core/problem.ts';
import { fail, ok, type Result } from '../../src/core/result.ts';
import type { JsonObject } from '../../src/core/json/json.ts';
import { isJsonObject } from '../../src/core/json/json.ts';
import type { ShadowDocument } from '../../src/core/shadow/document.ts';
import { parseShadowRef, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { recordOf } from '../../src/core/shadow/update.ts';
import { lateSchema } from '../late-schema.ts';
import type { ShadowEntry, Tombstone } from './shadow-store.ts';

/** A shadow, or what is left of one, as `sim dump` prints it and `sim load` and the data directory take it. */
export interface DumpEntry {
  readonly thing: string;
  readonly shadow?: string;
  readonly document?: ShadowDocument;
  readonly tombstone?: Tombstone;
}

const schema = lateSchema((z) => {
  const object = z.custom<JsonObject>(isJsonObject, 'not an object');
  const sections = z.strictObject({ desired: object.optional(), reported: object.optional() });
  return z.strictObject({
    thing: z.string(),
    shadow: z.string().optional(),
    document: z.strictObject({ state: sections, metadata: sections, version: z.number().int().min(1) }).optional(),
    tombstone: z
      .strictObject({ version: z.number().int().min(1), deletedAtSeconds: z.number().int().min(0) })
      .optional(),
  });
});

interface Parsed {
  readonly ref: ShadowRef;
  readonly document?: ShadowDocument;
  readonly tombstone?: Tombstone;
}

export function parseDumpEntry(input: unknown): Result<Parsed> {
  const parsed = schema().safeParse(input);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return fail(problem('invalid_config', `no shadow: /${issue?.path.join('/') ?? ''} ${issue?.message ?? ''}`));
  }
  const { thing, shadow, document, tombstone } = parsed.data;
  const ref = parseShadowRef(thing, shadow);
  if (!ref.ok) return ref;
  if ((document === undefined) === (tombstone === undefined)) {
    return fail(problem('invalid_config', 'a dumped shadow has either a document or a tombstone', { at: thing }));
  }
  return document !== undefined
    ? ok({ ref: ref.value, document: document as ShadowDocument })
    : ok({ ref: ref.value, tombstone: tombstone as Tombstone });
}

export function entryOf({ ref, document, tombstone }: Parsed): ShadowEntry {
  return document === undefined ? { ref, tombstone: tombstone as Tombstone } : { ref, record: recordOf(document) };
}

export function dumpEntryOf(entry: ShadowEntry): DumpEntry {
  const { thingName: thing, shadowName } = entry.ref;
  const name = shadowName === undefined ? { thing } : { thing, shadow: shadowName };
  return 'record' in entry ? { ...name, document: entry.record.document } : { ...name, tombstone: entry.tombstone };
}
