import type { CommandId } from '../../src/core/brand.ts';
import type { CommandStatus } from '../../src/core/command/command.ts';
import type { MakeChecker } from './checker.ts';

const ENDS = ['failed', 'superseded', 'cancelled', 'timed_out', 'expired', 'succeeded'] as const;

/** DESIGN.md section 3: statuses may be skipped, ends are final but for the late success. */
const NEXT: Readonly<Record<CommandStatus, readonly CommandStatus[]>> = {
  queued: ['sent', 'delivered', ...ENDS],
  sent: ['delivered', ...ENDS],
  delivered: ENDS,
  succeeded: [],
  failed: [],
  superseded: [],
  cancelled: [],
  timed_out: ['succeeded_late'],
  expired: ['succeeded_late'],
  succeeded_late: [],
};

/** I7: only allowed transitions; one final verdict per command; corrections are additive. */
export const legalStates: MakeChecker = ({ violated }) => {
  const seen = new Map<CommandId, { readonly sequence: number; readonly status: CommandStatus }>();
  return {
    see(_atMs, sighting) {
      const entries =
        sighting.type === 'event' ? [sighting.entry] : sighting.type === 'resumed' ? sighting.entries : [];
      for (const entry of entries) {
        const { commandId, sequence, status } = entry;
        // A subscriber may see an entry live and again when it reads back, and one of another command before that.
        const before = seen.get(commandId);
        if (before !== undefined && sequence <= before.sequence) continue;
        seen.set(commandId, { sequence, status });
        if (before === undefined || before.status === status || NEXT[before.status].includes(status)) continue;
        violated(`command ${commandId} went from ${before.status} to ${status} (${entry.event})`);
      }
    },
  };
};
