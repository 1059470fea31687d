import type { Command } from '../../src/core/command/command.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import type { MakeChecker } from './checker.ts';
import { isOwn, purposeOf } from './evidence.ts';
import { desiredOf, same } from './service-history.ts';

/** I11: a conditional command is stored only if none of its fields changed since the version it names. */
export const conditionalWrite: MakeChecker = (context) => {
  const { history, violated } = context;
  return {
    see(_atMs, sighting) {
      const command = sighting.type === 'looked' ? sighting.command : undefined;
      if (command?.policy.ifVersion !== undefined) judge(command, command.policy.ifVersion);
    },
  };

  /** Every attempt that was stored, whatever the server made of it. */
  function judge(command: Command, ifVersion: number): void {
    const key = shadowKey(command.ref);
    const revisions = history.of(key);
    for (const [at, revision] of revisions.entries()) {
      if (!isOwn(revision, command, context) || purposeOf(revision, context) !== 'commands') continue;
      // A shadow that does not exist cannot be locked.
      if (ifVersion === 0) continue;
      const from = history.indexOf(key, ifVersion, revision.incarnation);
      if (from < 0) {
        violated(`command ${command.id} was stored as v${revision.version} in a life that has no v${ifVersion}`);
        return;
      }
      const between = revisions.slice(from, at);
      for (const { field } of command.fields) {
        // Handled twice by the service, it was changed by the command's own write.
        const changed = between.some((one, nth) => {
          const before = between[nth - 1];
          if (before === undefined || isOwn(one, command, context)) return false;
          return !same(desiredOf(one, field), desiredOf(before, field));
        });
        if (changed) violated(`command ${command.id} was stored although ${field} changed after v${ifVersion}`);
      }
    }
  }
};
