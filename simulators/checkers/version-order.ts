import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { MakeChecker } from './checker.ts';

/**
 * I10: what the API shows of a shadow never goes back: within an incarnation the version grows, and a lower one means a
 * new incarnation. It never shows a version that the service has not given out. A restart may forget what was not durable.
 */
export const versionOrder: MakeChecker = ({ history, violated }) => {
  const shown = new Map<string, { version: number; incarnation: number }>();
  return {
    see(_atMs, sighting) {
      if (sighting.type === 'boot' && sighting.process === SERVER) shown.clear();
      if (sighting.type !== 'shadow') return;
      const { ref, version, incarnation } = sighting.report;
      const key = shadowKey(ref);
      const before = shown.get(key);
      if (before !== undefined) {
        const back =
          incarnation < before.incarnation || (incarnation === before.incarnation && version < before.version);
        if (back) {
          violated(`${key} went from v${before.version}/${before.incarnation} to v${version}/${incarnation}`);
        }
      }
      shown.set(key, { version, incarnation });
      const highest = history.of(key).reduce((most, revision) => Math.max(most, revision.version), 0);
      if (version > highest) violated(`${key} is shown at v${version}; the service is at v${highest}`);
    },
  };
};
