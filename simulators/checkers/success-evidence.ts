import type { MakeChecker } from './checker.ts';
import { unproven } from './evidence.ts';

/** I8: a command succeeds only when the device itself has shown every field, at or above the command's version. */
export const successEvidence: MakeChecker = (context) => {
  const judged = new Set<string>();
  return {
    see(atMs, sighting) {
      if (sighting.type !== 'looked' || sighting.command === undefined) return;
      const { command } = sighting;
      if (command.status !== 'succeeded' && command.status !== 'succeeded_late') return;
      if (judged.has(command.id)) return;
      judged.add(command.id);
      const missing = unproven(command, atMs, context, { noop: true });
      if (missing === undefined) {
        context.violated(`command ${command.id} succeeded at v${command.version}, which the service never gave out`);
      } else if (missing.length > 0) {
        const status = `${command.status} at v${command.version}`;
        context.violated(`command ${command.id} ${status} without evidence for ${missing.join(', ')}`);
      }
    },
  };
};
