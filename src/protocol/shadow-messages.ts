import type { ClientToken } from '../core/brand.ts';
import { isJsonObject, member, type JsonObject } from '../core/json/json.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { ShadowMetadata, ShadowState } from '../core/shadow/document.ts';
import { parseJsonObject } from './json-text.ts';
import type { ShadowTopicKind } from './topics.ts';

/**
 * What the shadow service says, from bytes to types. Hand-written instead of zod: every message of every device passes
 * here, and an envelope of five members does not need a schema walk.
 *
 * Errors   `invalid_json`, `too_deep`, `payload_too_large` of the parser; `invalid_request` with the member's name for an
 *          envelope that is not the service's. Unknown members are ignored (R19).
 */
export type ShadowMessage = UpdateAccepted | Delta | Documents | GetAccepted | DeleteAccepted | Rejected;

interface Answer {
  readonly clientToken?: ClientToken;
  /** Whole seconds since the epoch, service time (R11). Rejections usually have none (R68). */
  readonly timestamp?: number;
}

/** A patch: only what the request contained, nulls echoed (R64). A section that is null was removed; `state` null emptied both (R35). */
export interface UpdateAccepted extends Answer {
  readonly kind: 'update/accepted';
  readonly state: StatePatch;
  readonly metadata: ShadowMetadata;
  readonly version: number;
}

/** `cleared`: the whole state was set to null. */
export interface StatePatch {
  readonly desired?: JsonObject | null;
  readonly reported?: JsonObject | null;
  readonly cleared?: true;
}

/** All current differences (R63), with the stamps of desired (R76). */
export interface Delta extends Answer {
  readonly kind: 'update/delta';
  readonly state: JsonObject;
  readonly metadata: JsonObject;
  readonly version: number;
}

export interface Snapshot {
  readonly state: ShadowState;
  readonly metadata: ShadowMetadata;
  readonly version: number;
}

export interface Documents extends Answer {
  readonly kind: 'update/documents';
  readonly previous?: Snapshot;
  readonly current: Snapshot;
}

export interface GetAccepted extends Answer, Snapshot {
  readonly kind: 'get/accepted';
}

/** Carries the version that was deleted (R48). */
export interface DeleteAccepted extends Answer {
  readonly kind: 'delete/accepted';
  readonly version: number;
}

export interface Rejected extends Answer {
  readonly kind: 'get/rejected' | 'update/rejected' | 'delete/rejected';
  /** An HTTP status. */
  readonly code: number;
  readonly message: string;
}

export type ShadowMessageKind = ShadowMessage['kind'];

export function isShadowMessageKind(kind: ShadowTopicKind): kind is ShadowMessageKind {
  return kind.includes('/');
}

export function parseShadowMessage(kind: ShadowMessageKind, payload: Uint8Array): Result<ShadowMessage> {
  const parsed = parseJsonObject(payload);
  if (!parsed.ok) return parsed;
  const body = parsed.value;
  const answer = answerOf(body);
  switch (kind) {
    case 'update/accepted':
      return updateAccepted(body, answer);
    case 'update/delta':
      return delta(body, answer);
    case 'update/documents':
      return documents(body, answer);
    case 'get/accepted': {
      const snapshot = snapshotOf(body);
      return snapshot.ok ? ok({ kind, ...answer, ...snapshot.value }) : snapshot;
    }
    case 'delete/accepted': {
      const version = versionOf(body);
      return version === undefined ? bad('version') : ok({ kind, ...answer, version });
    }
    case 'get/rejected':
    case 'update/rejected':
    case 'delete/rejected':
      return rejected(kind, body, answer);
  }
}

function updateAccepted(body: JsonObject, answer: Answer): Result<ShadowMessage> {
  const version = versionOf(body);
  if (version === undefined) return bad('version');
  const state = member(body, 'state');
  if (state !== null && !isJsonObject(state)) return bad('state');
  const patch = state === null ? { cleared: true as const } : statePatchOf(state);
  if (patch === undefined) return bad('state');
  return ok({ kind: 'update/accepted', ...answer, state: patch, metadata: metadataOf(body), version });
}

function statePatchOf(state: JsonObject): StatePatch | undefined {
  const desired = member(state, 'desired');
  const reported = member(state, 'reported');
  if (desired !== undefined && desired !== null && !isJsonObject(desired)) return undefined;
  if (reported !== undefined && reported !== null && !isJsonObject(reported)) return undefined;
  return both(desired, reported);
}

function delta(body: JsonObject, answer: Answer): Result<ShadowMessage> {
  const version = versionOf(body);
  if (version === undefined) return bad('version');
  const state = member(body, 'state');
  if (!isJsonObject(state)) return bad('state');
  return ok({ kind: 'update/delta', ...answer, state, metadata: objectAt(body, 'metadata') ?? {}, version });
}

function documents(body: JsonObject, answer: Answer): Result<ShadowMessage> {
  const current = objectAt(body, 'current');
  const snapshot = current === undefined ? bad('current') : snapshotOf(current);
  if (!snapshot.ok) return snapshot;
  const before = objectAt(body, 'previous');
  const previous = before === undefined ? undefined : snapshotOf(before);
  if (previous !== undefined && !previous.ok) return previous;
  return ok({
    kind: 'update/documents',
    ...answer,
    ...(previous === undefined ? {} : { previous: previous.value }),
    current: snapshot.value,
  });
}

function snapshotOf(body: JsonObject): Result<Snapshot> {
  const version = versionOf(body);
  if (version === undefined) return bad('version');
  const state = objectAt(body, 'state');
  if (state === undefined) return bad('state');
  return ok({ state: sectionsOf(state), metadata: metadataOf(body), version });
}

/** `desired` and `reported` where they are objects with members (R13); `delta` is virtual and left out. */
function sectionsOf(holder: JsonObject): { desired?: JsonObject; reported?: JsonObject } {
  const desired = objectAt(holder, 'desired');
  const reported = objectAt(holder, 'reported');
  return both(desired, reported);
}

function both<T>(desired: T | undefined, reported: T | undefined): { readonly desired?: T; readonly reported?: T } {
  if (desired === undefined) return reported === undefined ? {} : { reported };
  return reported === undefined ? { desired } : { desired, reported };
}

function metadataOf(body: JsonObject): ShadowMetadata {
  const metadata = objectAt(body, 'metadata');
  return metadata === undefined ? {} : sectionsOf(metadata);
}

function rejected(kind: Rejected['kind'], body: JsonObject, answer: Answer): Result<ShadowMessage> {
  const code = member(body, 'code');
  const message = member(body, 'message');
  if (typeof code !== 'number' || !Number.isInteger(code)) return bad('code');
  return ok({ kind, ...answer, code, message: typeof message === 'string' ? message.slice(0, 512) : '' });
}

function answerOf(body: JsonObject): Answer {
  const clientToken = member(body, 'clientToken');
  const timestamp = member(body, 'timestamp');
  const answer: { clientToken?: ClientToken; timestamp?: number } = {};
  if (typeof clientToken === 'string') answer.clientToken = clientToken as ClientToken;
  if (typeof timestamp === 'number') answer.timestamp = timestamp;
  return answer;
}

function versionOf(body: JsonObject): number | undefined {
  const version = member(body, 'version');
  return typeof version === 'number' && Number.isSafeInteger(version) && version >= 0 ? version : undefined;
}

function objectAt(body: JsonObject, key: string): JsonObject | undefined {
  const value = member(body, key);
  return isJsonObject(value) ? value : undefined;
}

function bad(name: string): Result<never> {
  return fail(problem('invalid_request', `the message is not the shadow service's: ${name}`, { at: `/${name}` }));
}
