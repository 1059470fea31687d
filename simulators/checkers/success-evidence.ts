import type { MakeChecker } from './checker.ts';
import { CommandTimes } from './command-times.ts';
import { unproven } from './evidence.ts';
import { noopTruth } from './noop-truth.ts';
import { SteadyClock } from './steady-clock.ts';

/**
 * I8: a command succeeds only when the device itself has shown every field, at or above the command's version; and
 * `noop` is said only where nothing had to change.
 */
export const successEvidence: MakeChecker = (context) => {
  const judged = new Set<string>();
  const times = new CommandTimes();
  const clock = new SteadyClock();
  const noop = noopTruth(context);
  return {
    see(atMs, sighting) {
      noop.see(atMs, sighting);
      times.see(atMs, sighting);
      clock.see(atMs, sighting);
      if (sighting.type !== 'looked' || sighting.command === undefined) return;
      const { command } = sighting;
      if (command.status !== 'succeeded' && command.status !== 'succeeded_late') return;
      if (judged.has(command.id)) return;
      judged.add(command.id);
      // What came after the verdict speaks neither for it nor against it (found by seed 44263).
      const isDated = clock.evenSince(times.created(command.id) ?? 0);
      const verdictAt = isDated ? times.verdict(command) : times.line(command);
      const missing = unproven(command, verdictAt ?? atMs, context, { noop: true });
      if (missing === undefined) {
        // Taken from a get it is the lowest that it can have been; what is gone asks for no evidence (seed 45645).
        if (command.versionFrom === 'get' && command.fields.every(({ desired }) => desired === null)) return;
        context.violated(`command ${command.id} succeeded at v${command.version}, which the service never gave out`);
      } else if (missing.length > 0) {
        const status = `${command.status} at v${command.version}`;
        context.violated(`command ${command.id} ${status} without evidence for ${missing.join(', ')}`);
      }
    },
  };
};
