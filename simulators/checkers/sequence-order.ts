import { requestAtDevice } from './direct-wire.ts';
import type { MakeChecker } from './checker.ts';

interface Line {
  last: number;
  /** Whose number that was. */
  by: string;
}

/**
 * I23: under one key a device acts on one number after the other. None comes twice, none is left out, but one that the
 * device had and that a crash took from it before it could begin.
 */
export const sequenceOrder: MakeChecker = ({ violated }) => {
  const lines = new Map<string, Line>();
  /** Numbers handed to a device since it last went down, and those it had when it did. */
  const held = new Map<string, Set<string>>();
  const lost = new Set<string>();
  return {
    see(_atMs, sighting) {
      const request = requestAtDevice(sighting);
      if (request?.sequence !== undefined && sighting.type === 'delivered') {
        const numbers = held.get(sighting.client) ?? new Set<string>();
        held.set(sighting.client, numbers.add(nameOf(sighting.client, request.sequence)));
      }
      if (sighting.type === 'crash') {
        for (const each of held.get(sighting.process) ?? []) lost.add(each);
        held.delete(sighting.process);
      }
      if (sighting.type !== 'action' || sighting.sequence === undefined) return;
      // What is refused was not tried and leaves its number to the next.
      if (sighting.phase !== 'begun') return;
      const { thing, id, sequence } = sighting;
      const { key, number } = sequence;
      const place = `${thing} ${key}`;
      const line = lines.get(place) ?? { last: 0, by: '' };
      // After a crash what may be repeated begins again, with its own number.
      if (number === line.last && id === line.by) return;
      if (number <= line.last) violated(`${thing} acts on number ${number} of ${key} after ${line.last}`);
      for (let missing = line.last + 1; missing < number; missing += 1) {
        if (lost.has(nameOf(thing, { key, number: missing }))) continue;
        violated(`${thing} acts on number ${number} of ${key}; ${missing} has not been tried`);
        break;
      }
      lines.set(place, { last: number, by: id });
    },
  };
};

const nameOf = (thing: string, { key, number }: { key: string; number: number }): string => `${thing} ${key} ${number}`;
