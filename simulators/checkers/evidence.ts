import type { Command } from '../../src/core/command/command.ts';
import { modelEqual } from '../../src/core/model/model-equal.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import type { CheckContext } from './checker.ts';
import { bringsReported, claimOf, desiredOf, reportedOf, type Revision } from './service-history.ts';

/**
 * What the device itself had shown of a command by an instant, judged by DESIGN.md section 3 from the service's history:
 * the fields for which there is no evidence. Undefined: the command's version is unknown to the service.
 */
export function unproven(command: Command, byMs: number, context: CheckContext): readonly string[] | undefined {
  const key = shadowKey(command.ref);
  const revisions = context.history.of(key);
  const model = context.modelOf(key);
  if (command.version === undefined) return command.fields.map(({ field }) => field);
  const at = context.history.indexOf(key, command.version, undefined);
  const written = revisions[at];
  if (written === undefined) return undefined;
  const later = revisions
    .slice(at)
    .filter(
      ({ atMs, incarnation, document }) =>
        atMs <= byMs && incarnation === written.incarnation && document !== undefined,
    );
  return command.fields.flatMap(({ field, desired }) => {
    if (desired === null) return [];
    const annotations = model.annotations(field);
    const proven = later.some((revision, index) => {
      if (!modelEqual({ desired, reported: reportedOf(revision, field), annotations })) return false;
      const claim = claimOf(revision);
      if (claim !== undefined) {
        return claim.version >= written.version && claim.version < revision.version && !claim.listed.has(field);
      }
      if (later.slice(1, index + 1).some((one) => bringsReported(one, field))) return true;
      const before = revisions[at - 1];
      const wish = before === undefined ? undefined : desiredOf(before, field);
      return wish === undefined || modelEqual({ desired: wish, reported: reportedOf(written, field), annotations });
    });
    return proven ? [] : [field];
  });
}

/** Whether nobody overwrote the field after the command's write, until then. */
export function standsAt(revisions: readonly Revision[], from: number, test: (revision: Revision) => boolean): boolean {
  return revisions.slice(from + 1).every((revision) => !test(revision));
}
