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
  const statuses = new Map<CommandId, CommandStatus>();
  let sequence = 0;
  return {
    see(_atMs, sighting) {
      const entries =
        sighting.type === 'event' ? [sighting.entry] : sighting.type === 'resumed' ? sighting.entries : [];
      for (const entry of entries) {
        // A subscriber may see an entry live and again when it reads back.
        if (entry.sequence <= sequence) continue;
        sequence = entry.sequence;
        const before = statuses.get(entry.commandId);
        statuses.set(entry.commandId, entry.status);
        if (before === undefined || before === entry.status || NEXT[before].includes(entry.status)) continue;
        violated(`command ${entry.commandId} went from ${before} to ${entry.status} (${entry.event})`);
      }
    },
  };
};
