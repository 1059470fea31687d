import type { Grant } from '../access/access.ts';
import { epochMs, type CommandId, type EpochMs } from '../brand.ts';
import { leavesOf } from '../json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import { member } from '../json/json.ts';
import type { Model } from '../model/model.ts';
import type { Mutable } from '../mutable.ts';
import { problem } from '../problem.ts';
import { fail, ok, type Result } from '../result.ts';
import { shadowKey, type ShadowRef } from '../shadow/shadow-ref.ts';
import { APPLY_WITHIN_MS_DEFAULT, EXPIRES_IN_MS_DEFAULT } from './clocks.ts';
import type { Command, CommandPolicy, OnEnd, WhenOffline } from './command.ts';

/** What somebody asks for, before anything was checked. */
export interface Wish {
  readonly id: CommandId;
  readonly ref: ShadowRef;
  readonly patch: JsonObject;
  readonly author: string;
  readonly reason?: string | undefined;
  readonly applyWithinMs?: number | undefined;
  readonly expiresAt?: EpochMs | undefined;
  readonly expiresInMs?: number | undefined;
  readonly whenOffline?: WhenOffline | undefined;
  readonly onEnd?: OnEnd | undefined;
  readonly ifVersion?: number | undefined;
  readonly retryOf?: CommandId | undefined;
  readonly rollbackOf?: CommandId | undefined;
  readonly parentId?: CommandId | undefined;
  readonly grant?: Grant | undefined;
}

/** A patch with more leaves than this cannot be 8 KB of anything sensible. */
const FIELDS_MAX = 1_000;
/** The service refuses more than 8 KB of state; a larger patch can only fail (R25). */
const PATCH_BYTES_MAX = 8 * 1024;
/** Nesting beyond this is refused by every variant of the service (R24). */
const DEPTH_MAX = 8;
const RESERVED = 'reconciler';

/**
 * A queued command, or what is wrong with the wish.
 *
 * Errors   `invalid_request`, `payload_too_large`, `too_deep`, `model_violation` with the field.
 */
export function newCommand(wish: Wish, { now, model }: { now: EpochMs; model: Model }): Result<Command> {
  const leaves = leavesOf(wish.patch);
  const flaw = flawOf(wish, leaves, now);
  if (flaw !== undefined) return fail(flaw);
  const [violation] = model.violations(wish.patch);
  if (violation !== undefined) return fail(violation);
  const momentary = leaves.find(([field]) => model.annotations(field).momentary === true);
  if (momentary !== undefined) {
    return fail(
      problem('model_violation', `${momentary[0]} is an action, not a state: send it as a direct command`, {
        at: momentary[0],
      }),
    );
  }
  const validFor = leaves.map(([field]) => model.annotations(field).validForMs ?? Infinity);
  const expiresIn = Math.min(
    wish.expiresInMs ?? Infinity,
    ...(wish.expiresAt === undefined && wish.expiresInMs === undefined ? [EXPIRES_IN_MS_DEFAULT, ...validFor] : []),
  );
  const policy: Mutable<CommandPolicy> = {
    applyWithinMs: wish.applyWithinMs ?? APPLY_WITHIN_MS_DEFAULT,
    expiresAt: wish.expiresAt ?? epochMs(now + expiresIn),
    whenOffline: wish.whenOffline ?? 'wait',
    onEnd: wish.onEnd ?? 'restore',
  };
  if (wish.ifVersion !== undefined) policy.ifVersion = wish.ifVersion;
  const command: Mutable<Command> = {
    id: wish.id,
    kind: 'shadow',
    ref: wish.ref,
    author: wish.author,
    createdAt: now,
    patch: wish.patch,
    fields: leaves.map(([field, desired]) => ({ field, desired, state: { outcome: 'pending' } })),
    policy,
    status: 'queued',
    clock: { leftMs: policy.applyWithinMs },
    revision: 0,
  };
  if (wish.reason !== undefined) command.reason = wish.reason;
  if (wish.retryOf !== undefined) command.retryOf = wish.retryOf;
  if (wish.rollbackOf !== undefined) command.rollbackOf = wish.rollbackOf;
  if (wish.parentId !== undefined) command.parentId = wish.parentId;
  if (wish.grant !== undefined) command.grant = wish.grant;
  return ok(command);
}

function flawOf(wish: Wish, leaves: ReturnType<typeof leavesOf>, now: EpochMs): ReturnType<typeof problem> | undefined {
  if (leaves.length === 0) return problem('invalid_request', 'a command sets at least one field');
  if (leaves.length > FIELDS_MAX) return problem('payload_too_large', `a command sets at most ${FIELDS_MAX} fields`);
  if (member(wish.patch, RESERVED) !== undefined) {
    return problem('invalid_request', `"${RESERVED}" is the device's own member and cannot be asked for`, {
      at: `/${RESERVED}`,
    });
  }
  const text = JSON.stringify(wish.patch);
  // A UTF-16 unit makes at most three bytes: only a long one has to be counted.
  const bytes = text.length * 3 <= PATCH_BYTES_MAX ? 0 : new TextEncoder().encode(text).byteLength;
  if (bytes > PATCH_BYTES_MAX)
    return problem('payload_too_large', `${bytes} bytes; a shadow holds at most ${PATCH_BYTES_MAX}`);
  const deep = leaves.find(([field]) => field.split('/').length - 1 > DEPTH_MAX);
  if (deep !== undefined) return problem('too_deep', `deeper than ${DEPTH_MAX} levels`, { at: deep[0] });
  const nulls = leaves.find(([, value]) => Array.isArray(value) && holdsNull(value));
  if (nulls !== undefined) return problem('invalid_request', 'arrays cannot hold null (R26)', { at: nulls[0] });
  const vague = leaves.find(([, value]) => holdsVague(value));
  if (vague !== undefined) {
    const why = 'a whole number beyond 2^53 does not arrive as it was sent (I-JSON): use a string';
    return problem('invalid_request', why, { at: vague[0] });
  }
  if (!isLength(wish.applyWithinMs))
    return problem('invalid_request', 'applyWithinMs is a whole number above 0', { at: '/applyWithinMs' });
  if (!isLength(wish.expiresInMs))
    return problem('invalid_request', 'expiresInMs is a whole number above 0', { at: '/expiresInMs' });
  if (wish.expiresAt !== undefined && wish.expiresInMs !== undefined) {
    return problem('invalid_request', 'expiresAt and expiresInMs exclude each other', { at: '/expiresAt' });
  }
  if (wish.expiresAt !== undefined && !(wish.expiresAt > now)) {
    return problem('invalid_request', 'expiresAt is past', { at: '/expiresAt' });
  }
  if (wish.ifVersion !== undefined && !(Number.isSafeInteger(wish.ifVersion) && wish.ifVersion >= 0)) {
    return problem('invalid_request', 'ifVersion is a document version', { at: '/ifVersion' });
  }
  if (wish.author === '') return problem('invalid_request', 'a command has an author', { at: '/author' });
  return undefined;
}

/** Somebody who reads it as a 64-bit integer would see another number than we do (B18). */
function holdsVague(value: JsonValue): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(holdsVague);
}

function isLength(value: number | undefined): boolean {
  return value === undefined || (Number.isSafeInteger(value) && value > 0);
}

function holdsNull(value: readonly unknown[]): boolean {
  return value.some((item) => item === null || (Array.isArray(item) && holdsNull(item)));
}

/** For messages: `thing/shadow`. */
export const commandPlace = ({ ref }: Command): string => shadowKey(ref);
