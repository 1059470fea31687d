import type { Grant } from '../access/access.ts';
import { epochMs, type CommandId, type EpochMs, type ThingName } from '../brand.ts';
import { APPLY_WITHIN_MS_DEFAULT } from '../command/clocks.ts';
import type { WhenOffline } from '../command/command.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import { problem, type Problem } from '../problem.ts';
import { fail, ok, type Result } from '../result.ts';
import type { DirectCommand, GroupShare } from './direct-command.ts';
import { ARGS_BYTES_MAX, type SequenceNumber } from './messages.ts';
import { directRef } from './place.ts';

/** Who pressed "unlock" five minutes ago no longer stands at the door. */
export const DIRECT_EXPIRES_IN_MS_DEFAULT = 5 * 60 * 1000;

/** What somebody asks for, before anything was checked. */
export interface DirectWish {
  readonly id: CommandId;
  readonly thingName: ThingName;
  readonly name: string;
  readonly args?: JsonObject | undefined;
  readonly author: string;
  readonly reason?: string | undefined;
  readonly applyWithinMs?: number | undefined;
  readonly expiresAt?: EpochMs | undefined;
  readonly expiresInMs?: number | undefined;
  readonly whenOffline?: WhenOffline | undefined;
  readonly sequence?: SequenceNumber | undefined;
  readonly group?: GroupShare | undefined;
  readonly retryOf?: CommandId | undefined;
  readonly parentId?: CommandId | undefined;
  readonly grant?: Grant | undefined;
}

const NAME = /^[a-zA-Z][a-zA-Z0-9_.-]{0,63}$/;
/** The message around them is one level more, and a message may have 32. */
const DEPTH_MAX = 24;

/** Errors   `invalid_request`, `payload_too_large`, `too_deep`. */
export function newDirectCommand(wish: DirectWish, now: EpochMs): Result<DirectCommand> {
  const flaw = flawOf(wish, now);
  if (flaw !== undefined) return fail(flaw);
  const applyWithinMs = wish.applyWithinMs ?? APPLY_WITHIN_MS_DEFAULT;
  return ok({
    id: wish.id,
    kind: 'direct',
    ref: directRef(wish.thingName),
    name: wish.name,
    args: wish.args ?? {},
    author: wish.author,
    ...(wish.reason === undefined ? {} : { reason: wish.reason }),
    createdAt: now,
    policy: {
      applyWithinMs,
      expiresAt: wish.expiresAt ?? epochMs(now + (wish.expiresInMs ?? DIRECT_EXPIRES_IN_MS_DEFAULT)),
      whenOffline: wish.whenOffline ?? 'wait',
    },
    status: 'queued',
    clock: { leftMs: applyWithinMs },
    ...(wish.sequence === undefined ? {} : { sequence: wish.sequence }),
    ...(wish.group === undefined ? {} : { group: wish.group }),
    attempts: 0,
    ...(wish.retryOf === undefined ? {} : { retryOf: wish.retryOf }),
    ...(wish.parentId === undefined ? {} : { parentId: wish.parentId }),
    ...(wish.grant === undefined ? {} : { grant: wish.grant }),
    revision: 0,
  });
}

export function isDirectName(text: string): boolean {
  return NAME.test(text);
}

function flawOf(wish: DirectWish, now: EpochMs): Problem | undefined {
  const invalid = (at: string, why: string): Problem => problem('invalid_request', `${at.slice(1)} ${why}`, { at });
  if (!isDirectName(wish.name)) return invalid('/name', 'starts with a letter and has up to 64 of a-z A-Z 0-9 _ . -');
  if (wish.sequence !== undefined && !isDirectName(wish.sequence.key)) {
    return invalid('/sequence', 'starts with a letter and has up to 64 of a-z A-Z 0-9 _ . -');
  }
  const bytes = new TextEncoder().encode(JSON.stringify(wish.args ?? {})).byteLength;
  if (bytes > ARGS_BYTES_MAX) {
    return problem('payload_too_large', `args has ${bytes} bytes; at most ${ARGS_BYTES_MAX} are sent`, { at: '/args' });
  }
  if (deeperThan(wish.args ?? {}, DEPTH_MAX)) return problem('too_deep', `deeper than ${DEPTH_MAX} levels`);
  if (!isLength(wish.applyWithinMs)) return invalid('/applyWithinMs', 'is a whole number above 0');
  if (!isLength(wish.expiresInMs)) return invalid('/expiresInMs', 'is a whole number above 0');
  if (wish.expiresAt !== undefined && wish.expiresInMs !== undefined) {
    return invalid('/expiresAt', 'and expiresInMs exclude each other');
  }
  if (wish.expiresAt !== undefined && !(wish.expiresAt > now)) return invalid('/expiresAt', 'is past');
  if (wish.author === '') return invalid('/author', 'is missing');
  return undefined;
}

function isLength(value: number | undefined): boolean {
  return value === undefined || (Number.isSafeInteger(value) && value > 0);
}

function deeperThan(value: JsonValue, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((child) => deeperThan(child as JsonValue, levels - 1));
}
