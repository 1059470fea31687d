import type { EpochMs } from '../../src/core/brand.ts';
import { GROUP } from '../workload/group.ts';
import { requestOnWire } from './direct-wire.ts';
import type { MakeChecker } from './checker.ts';

/** Service time tells whole seconds and travels like everything else; what the device was told is so old at most. */
const TOLERANCE_MS = 15_000;

/** I24: no action begins after the `expiresAt` of its request, by service time. */
export const inTime: MakeChecker = ({ serviceNow, violated }) => {
  const expiries = new Map<string, EpochMs>();
  return {
    see(_atMs, sighting) {
      const request = requestOnWire(sighting);
      // An operator may give it more time while it is under way.
      if (request !== undefined) {
        const place = `${sighting.type === 'wire' ? sighting.topic : ''} ${request.id}`;
        const known = expiries.get(place);
        if (known === undefined || known < request.expiresAt) expiries.set(place, request.expiresAt);
      }
      if (sighting.type !== 'action' || sighting.phase !== 'begun') return;
      const told = [`cmd/${sighting.thing}/req`, `cmd/groups/${GROUP}/req`].flatMap(
        (topic) => expiries.get(`${topic} ${sighting.id}`) ?? [],
      );
      const expiresAt = Math.max(...told);
      if (told.length === 0) return violated(`${sighting.thing} acts on ${sighting.id}, which nobody asked for`);
      const late = serviceNow() - expiresAt;
      if (late > TOLERANCE_MS) violated(`${sighting.thing} began ${sighting.id} ${late} ms after it had expired`);
    },
  };
};
