import { isJsonObject, member, type JsonObject, type JsonValue } from '../json/json.ts';
import { fail, ok, type Result } from '../result.ts';
import { delta as deltaOf } from './delta.ts';
import type { ShadowDocument, ShadowMetadata, ShadowState } from './document.ts';
import { AWS_RULES, contentFault, jsonBytes, utf8Bytes, type ShadowRules } from './limits.ts';
import { mergeSection, type ByteTally } from './merge.ts';
import { deltaMetadata, mergeMetadata, stampedShape, type Stamp } from './metadata.ts';
import { REJECTIONS, type ShadowRejection } from './rejection.ts';

/** A valid `update` request. A section that is null is removed, an empty one changes nothing (R34 to R36). */
export interface UpdateRequest {
  readonly state: UpdateState | null;
  readonly version?: number;
  readonly clientToken?: string;
}

export interface UpdateState {
  readonly desired?: JsonObject | null;
  readonly reported?: JsonObject | null;
}

/** A shadow as the service holds it: the document and what follows from it, kept because it would cost a walk to work out. */
export interface ShadowRecord {
  readonly document: ShadowDocument;
  readonly delta: JsonObject | undefined;
  /** Compact UTF-8 JSON of desired plus reported (R25). */
  readonly bytes: number;
}

export interface Updated {
  readonly record: ShadowRecord;
  /** The body of `update/delta` without version, timestamp and token; undefined if nothing differs (R61, R62). */
  readonly delta: { readonly state: JsonObject; readonly metadata: JsonObject } | undefined;
}

export interface UpdateContext {
  /** Undefined: no shadow of that name exists. */
  readonly record: ShadowRecord | undefined;
  /** The version that a new document follows: 0, or the tombstone of a deleted one (R49). */
  readonly versionBefore?: number;
  /** Service time in whole seconds since the epoch. */
  readonly nowSeconds: number;
  readonly rules?: ShadowRules;
}

/**
 * Checks the members of an `update` request.
 *
 * Errors   The code and text of AWS, the first fault found. Nothing about the stored document is looked at here.
 * Source   R14 to R20, R23, R24, R26.
 */
export function parseUpdateRequest(
  body: JsonValue,
  rules: ShadowRules = AWS_RULES,
): Result<UpdateRequest, ShadowRejection> {
  if (!isJsonObject(body)) return fail(REJECTIONS.invalidJson);
  if (!Object.hasOwn(body, 'state')) return fail(REJECTIONS.missingState);
  const state = body['state'] as JsonValue;
  if (state !== null) {
    const fault = stateFault(state, rules);
    if (fault !== undefined) return fail(fault);
  }
  const version = requestVersion(body, rules);
  if (!version.ok) return version;
  const token = requestToken(body, rules);
  if (!token.ok) return token;
  return ok({
    state: state as UpdateState | null,
    ...(version.value === undefined ? {} : { version: version.value }),
    ...(token.value === undefined ? {} : { clientToken: token.value }),
  });
}

function stateFault(state: JsonValue, rules: ShadowRules): ShadowRejection | undefined {
  if (!isJsonObject(state)) return REJECTIONS.stateNotObject;
  for (const name in state) {
    const section = state[name] as JsonValue;
    if (name !== 'desired' && name !== 'reported') return REJECTIONS.invalidNode(name);
    if (section === null) continue;
    if (!isJsonObject(section)) return REJECTIONS.sectionNotObject(name);
    const fault = contentFault(section, rules);
    if (fault === 'too_deep') return REJECTIONS.tooDeep(rules.depthMax);
    if (fault === 'null_in_array') return REJECTIONS.nullInArray;
  }
  return undefined;
}

function requestVersion(body: JsonObject, rules: ShadowRules): Result<number | undefined, ShadowRejection> {
  const version = member(body, 'version');
  if (version === undefined || (version === null && rules.nullVersion === 'ignore')) return ok(undefined);
  const valid = typeof version === 'number' && Number.isInteger(version) && version >= 0;
  return valid ? ok(version) : fail(REJECTIONS.invalidVersion);
}

/** The token of any request body; `Invalid clientToken` unless it is a short enough string (R23). */
export function requestToken(
  body: JsonObject,
  rules: ShadowRules = AWS_RULES,
): Result<string | undefined, ShadowRejection> {
  const token = member(body, 'clientToken');
  if (token === undefined) return ok(undefined);
  if (typeof token !== 'string' || utf8Bytes(token) > rules.clientTokenBytesMax) return fail(REJECTIONS.invalidToken);
  return ok(token);
}

/**
 * One `update` of one shadow: lock, merge, metadata, delta, size. Either all of it happens or none (R28). Neither the
 * record nor the request is written into; both may be shared with the result.
 *
 * Errors   409 `Version conflict` (R21, R22), 413 if the merged document is too large (R25).
 * Source   R21 to R76.
 */
export function applyUpdate(
  { record, versionBefore = 0, nowSeconds, rules = AWS_RULES }: UpdateContext,
  request: UpdateRequest,
): Result<Updated, ShadowRejection> {
  const current = record?.document.version ?? rules.versionOfMissing;
  if (request.version !== undefined && request.version !== current) return fail(REJECTIONS.versionConflict);

  const patch: UpdateState = request.state ?? { desired: null, reported: null };
  const tally: ByteTally = { bytes: record?.bytes ?? 0 };
  const stamp: Stamp = { timestamp: nowSeconds };
  const before = record?.document;
  const merged = mergeState({ before, patch, stamp, tally, rules });
  if (tally.bytes > rules.documentBytesMax) return fail(REJECTIONS.tooLarge);

  const known = record && { state: record.document.state, delta: record.delta };
  const delta = deltaOf(merged.state, known);
  const { desired } = merged.state;
  const stamps = merged.metadata.desired;
  return ok({
    record: {
      document: { state: merged.state, metadata: merged.metadata, version: (before?.version ?? versionBefore) + 1 },
      delta,
      bytes: tally.bytes,
    },
    delta:
      delta === undefined || desired === undefined || stamps === undefined
        ? undefined
        : { state: delta, metadata: deltaMetadata(delta, { desired, metadata: stamps }) },
  });
}

interface MergeStep {
  readonly before: ShadowDocument | undefined;
  readonly patch: UpdateState;
  readonly stamp: Stamp;
  readonly tally: ByteTally;
  readonly rules: ShadowRules;
}

function mergeState(step: MergeStep): { state: ShadowState; metadata: ShadowMetadata } {
  const desired = mergedSection('desired', step);
  const reported = mergedSection('reported', step);
  return {
    state: sections(desired.section, reported.section),
    metadata: sections(desired.metadata, reported.metadata),
  };
}

function mergedSection(
  name: 'desired' | 'reported',
  { before, patch, stamp, tally, rules }: MergeStep,
): { section: JsonObject | undefined; metadata: JsonObject | undefined } {
  const section = before?.state[name];
  const metadata = before?.metadata[name];
  // Read as an own member: a request may well be an object without it.
  const wish = Object.hasOwn(patch, name) ? patch[name] : undefined;
  if (wish === undefined) return { section, metadata };
  const after = mergeSection(section, wish, { allNullObject: rules.allNullObject, tally });
  return { section: after, metadata: mergeMetadata({ metadata, before: section, after, patch: wish, stamp }) };
}

/** An empty section does not exist (R13). */
function sections(desired: JsonObject | undefined, reported: JsonObject | undefined): ShadowState {
  if (desired === undefined) return reported === undefined ? {} : { reported };
  return reported === undefined ? { desired } : { desired, reported };
}

/**
 * The body of `update/accepted` without version, timestamp and token: what the request contained (R64). `{"state":null}` was
 * seen answered with one stamp for the whole (R35).
 */
export function acceptedPart(
  state: UpdateState | null,
  nowSeconds: number,
): { readonly state: UpdateState | null; readonly metadata: JsonObject } {
  return { state, metadata: stampedShape(state as JsonValue, { timestamp: nowSeconds }) as JsonObject };
}

/** What follows from a document that comes from elsewhere: a file, a dump, a test. */
export function recordOf(document: ShadowDocument): ShadowRecord {
  const { desired, reported } = document.state;
  const bytes = (desired ? jsonBytes(desired) : 0) + (reported ? jsonBytes(reported) : 0);
  return { document, delta: deltaOf(document.state), bytes };
}
