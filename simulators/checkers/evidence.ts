import type { Command } from '../../src/core/command/command.ts';
import { tokenOf, type WritePurpose } from '../../src/core/command/write.ts';
import { member } from '../../src/core/json/json.ts';
import { modelEqual } from '../../src/core/model/model-equal.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import type { CheckContext } from './checker.ts';
import { bringsReported, claimOf, desiredOf, reportedOf, type Revision } from './service-history.ts';

/**
 * What the device itself had shown of a command by an instant, judged by DESIGN.md section 3 from the service's history:
 * the fields for which there is no evidence. Undefined: the command's version is unknown to the service. `noop`: also
 * what a plain device need not repeat, which the watcher may but need not take for an answer. `stoodUntilMs`: only what
 * still stood there then counts, for whoever judged by a snapshot. `stands`: only what the document shows at that instant.
 */
export function unproven(
  command: Command,
  byMs: number,
  context: CheckContext,
  {
    noop,
    stoodUntilMs,
    stands = false,
  }: { readonly noop: boolean; readonly stoodUntilMs?: number; readonly stands?: boolean },
): readonly string[] | undefined {
  const key = shadowKey(command.ref);
  const revisions = context.history.of(key);
  const model = context.modelOf(key);
  if (command.version === undefined) return command.fields.map(({ field }) => field);
  const at = writtenAt(command, context);
  const written = revisions[at];
  if (written === undefined) return undefined;
  // Where the answer was lost the version is the lowest that it can have been. Where the service handled the write twice
  // the watcher may have heard of the second time only, and need not take an answer to the first for one.
  const lowest = command.versionFrom === 'get' ? Math.min(command.version, written.version) : written.version;
  const threshold = noop ? lowest : Math.max(lowest, command.version);
  // A deletion that nobody told the watcher of is none to it: the device's word goes on to count.
  const life = noop ? context.history.lifeAsTold(key, at, byMs) : context.history.life(key, at);
  const later = life.filter(({ atMs }) => atMs <= byMs);
  return command.fields.flatMap(({ field, desired }) => {
    if (desired === null) return [];
    const annotations = model.annotations(field);
    const shows = (revision: Revision): boolean =>
      modelEqual({ desired, reported: reportedOf(revision, field), annotations });
    // What the device took back by listing the field no longer stands, whatever value it left there (found by seed 61129).
    const stood = (revision: Revision): boolean => shows(revision) && claimOf(revision)?.listed.has(field) !== true;
    const proven = later.some((revision, index) => {
      if (!shows(revision) || (stands && index < later.length - 1)) return false;
      const after = stoodUntilMs === undefined ? [] : life.slice(index + 1).filter(({ atMs }) => atMs <= stoodUntilMs);
      if (!after.every(stood)) return false;
      const claim = claimOf(revision);
      if (claim !== undefined) {
        return claim.version >= threshold && claim.version < revision.version && !claim.listed.has(field);
      }
      // A get shows no stamp of an empty array (R73, R75): whoever saw only that cannot know when it was reported.
      const stampless = typeof desired === 'object' && Object.keys(desired).length === 0;
      if (stampless && !noop) return false;
      // Within one second a snapshot does not show that the value came again.
      const visible = ({ atMs }: Revision): boolean =>
        noop || Math.floor(atMs / 1_000) > Math.floor(written.atMs / 1_000);
      if (later.slice(1, index + 1).some((one) => visible(one) && bringsReported(one, field))) return true;
      if (!noop) return false;
      const before = revisions[at - 1];
      const wish = before === undefined ? undefined : desiredOf(before, field);
      return wish === undefined || modelEqual({ desired: wish, reported: reportedOf(written, field), annotations });
    });
    return proven ? [] : [field];
  });
}

/** Where the write of a command stands in the history of its shadow, or -1. */
export function writtenAt(command: Command, { history }: Pick<CheckContext, 'history'>): number {
  const key = shadowKey(command.ref);
  const token = command.writeId === undefined ? undefined : tokenOf(command.writeId);
  const byToken = history.of(key).findIndex((revision) => tokenIn(revision) === token);
  if (token !== undefined && byToken >= 0) return byToken;
  return command.version === undefined ? -1 : history.indexOf(key, command.version);
}

/** Whether a write of ours for this command brought the revision, the newest one or an earlier attempt. */
export function isOwn(
  revision: Revision,
  { id }: Pick<Command, 'id'>,
  { durableWrite }: Pick<CheckContext, 'durableWrite'>,
): boolean {
  const token = tokenIn(revision);
  return token !== undefined && durableWrite(token)?.commandIds.includes(id) === true;
}

/** What a write of ours was for that brought the revision. */
export function purposeOf(
  revision: Revision,
  { durableWrite }: Pick<CheckContext, 'durableWrite'>,
): WritePurpose | undefined {
  const token = tokenIn(revision);
  return token === undefined ? undefined : durableWrite(token)?.purpose;
}

function tokenIn({ body }: Revision): string | undefined {
  const token = body === undefined ? undefined : member(body, 'clientToken');
  return typeof token === 'string' ? token : undefined;
}
