import type { CommandId } from '../../src/core/brand.ts';
import type { MakeChecker } from './checker.ts';

/**
 * I5: a command that was acknowledged is there after whatever happens, and does not stay unsent for ever: at the end it
 * was sent or has ended. The world looks every acknowledged command up when it is over.
 */
export const ackDurable: MakeChecker = ({ violated }) => {
  const acknowledged = new Map<CommandId, number>();
  let ended = false;
  return {
    see(atMs, sighting) {
      if (sighting.type === 'phase' && sighting.phase === 'end') ended = true;
      if (sighting.type === 'created' && sighting.command !== undefined) acknowledged.set(sighting.command.id, atMs);
      if (sighting.type !== 'looked' || !acknowledged.has(sighting.id)) return;
      if (sighting.problem === 'command_not_found') violated(`command ${sighting.id} was acknowledged and is gone`);
      if (ended && sighting.command?.status === 'queued') violated(`command ${sighting.id} was never sent`);
    },
  };
};
