import { shadowKey, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { MakeChecker } from './checker.ts';
import { claimOf, desiredOf, same } from './service-history.ts';

/**
 * I2: an adapter is never asked to apply a desired value that is older than one that was applied to the same field
 * before, or older than what the device has claimed to have taken into account. Nor a value that was never desired.
 *
 * The same value may have been desired more than once; the reading most favourable to the device counts.
 */
export const noStaleApply: MakeChecker = ({ history, violated }) => {
  /** By shadow and field: the revision (its index) below which nothing may be applied any more. */
  const floors = new Map<string, number>();
  const claims = new Map<string, number>();
  return {
    see(_atMs, sighting) {
      if (sighting.type === 'service' && sighting.operation === 'update' && sighting.code === 200) {
        const key = shadowKey(sighting.ref);
        const last = history.of(key).at(-1);
        const claim = last === undefined ? undefined : claimOf(last);
        if (last === undefined || claim === undefined || sighting.client !== sighting.ref.thingName) return;
        const at = history.indexOf(key, claim.version, last.incarnation);
        claims.set(key, Math.max(claims.get(key) ?? 0, at));
        return;
      }
      if (sighting.type !== 'apply' || sighting.undo === true) return;
      const { thing, shadow, field, value } = sighting;
      const key = shadowKey({ thingName: thing, ...(shadow === undefined ? {} : { shadowName: shadow }) } as ShadowRef);
      const place = `${key} ${field}`;
      const floor = Math.max(floors.get(place) ?? 0, claims.get(key) ?? 0);
      const revisions = history.of(key);
      const at = revisions.findIndex((revision, index) => {
        if (!same(desiredOf(revision, field), value)) return false;
        const next = revisions[index + 1];
        return index >= floor || next === undefined || (index + 1 > floor && same(desiredOf(next, field), value));
      });
      if (at >= 0) {
        floors.set(place, Math.max(floor, at));
        return;
      }
      const ever = revisions.findLast((revision) => same(desiredOf(revision, field), value));
      const words = JSON.stringify(value);
      const reason =
        ever === undefined
          ? 'never desired'
          : `desired last at v${ever.version}, but v${revisions[floor]?.version ?? 0} had been taken into account`;
      violated(`${place} := ${words} was applied: ${reason}`);
    },
  };
};
