import type { EpochMs } from '../../src/core/brand.ts';
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
        const known = expiries.get(request.id);
        if (known === undefined || known < request.expiresAt) expiries.set(request.id, request.expiresAt);
      }
      if (sighting.type !== 'action' || sighting.phase !== 'begun') return;
      const expiresAt = expiries.get(sighting.id);
      if (expiresAt === undefined) return violated(`${sighting.thing} acts on ${sighting.id}, which nobody asked for`);
      const late = serviceNow() - expiresAt;
      if (late > TOLERANCE_MS) violated(`${sighting.thing} began ${sighting.id} ${late} ms after it had expired`);
    },
  };
};
