import type { CommandId } from '../../src/core/brand.ts';
import { VERDICT_OF, type CommandStatus } from '../../src/core/command/command.ts';
import type { MakeChecker } from './checker.ts';

/**
 * I15: what happens to a command leaves a line. Every acknowledged command has a first line; what the API says of a
 * command at the end is what its last line said; a command that ended says why for every field.
 */
export const noSilentDrop: MakeChecker = ({ violated }) => {
  const lines = new Map<CommandId, { sequence: number; status: CommandStatus; count: number }>();
  const acknowledged = new Set<CommandId>();
  let ended = false;
  return {
    see(_atMs, sighting) {
      if (sighting.type === 'phase' && sighting.phase === 'end') ended = true;
      if (sighting.type === 'created' && sighting.command !== undefined) acknowledged.add(sighting.command.id);
      const entries =
        sighting.type === 'event' ? [sighting.entry] : sighting.type === 'resumed' ? sighting.entries : [];
      for (const { commandId, status, sequence } of entries) {
        const last = lines.get(commandId);
        if (last !== undefined && last.sequence >= sequence) continue;
        lines.set(commandId, { sequence, status, count: (last?.count ?? 0) + 1 });
      }
      if (!ended || sighting.type !== 'looked' || sighting.command === undefined) return;
      const { command } = sighting;
      const last = lines.get(command.id);
      if (last === undefined) {
        if (acknowledged.has(command.id)) violated(`command ${command.id} has no line in the event stream`);
        return;
      }
      if (last.status !== command.status) {
        violated(`command ${command.id} is ${command.status}; its last line says ${last.status}`);
      }
      const verdict = VERDICT_OF[command.status];
      const open = command.fields.filter(
        ({ state }) => !['confirmed', 'refused', 'superseded'].includes(state.outcome),
      );
      const settled = command.status === 'superseded' || command.status === 'succeeded';
      if (settled && open.length > 0) {
        violated(
          `command ${command.id} is ${command.status} with open fields ${open.map(({ field }) => field).join()}`,
        );
      }
      if (verdict !== 'pending' && command.endedAt === undefined) violated(`command ${command.id} ended at no time`);
    },
  };
};
