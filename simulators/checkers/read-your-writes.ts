import type { CommandId } from '../../src/core/brand.ts';
import type { MakeChecker } from './checker.ts';

/** I20: after an answer, whoever looks sees at least what the answer said; and no look goes back behind an earlier one. */
export const readYourWrites: MakeChecker = ({ violated }) => {
  const revisions = new Map<CommandId, number>();
  return {
    see(_atMs, sighting) {
      if (sighting.type !== 'created' && sighting.type !== 'acted' && sighting.type !== 'looked') return;
      if (sighting.command === undefined) return;
      const { id, revision } = sighting.command;
      const seen = revisions.get(id) ?? 0;
      // An idempotent answer may show the command as it was when it was made.
      const look = sighting.type === 'looked';
      if (look && revision < seen) violated(`command ${id} was seen at revision ${seen} and now at ${revision}`);
      revisions.set(id, Math.max(seen, revision));
    },
  };
};
