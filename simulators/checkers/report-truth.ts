import { leavesOf } from '../../src/core/json/json-pointer.ts';
import { isJsonObject, member, withoutMember, type JsonObject, type JsonValue } from '../../src/core/json/json.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import { RECONCILER_KEY } from '../../src/protocol/reconciler-member.ts';
import type { MakeChecker } from './checker.ts';
import { same } from './service-history.ts';

/** A report may be on its way while the hardware is read again. */
const READS_REMEMBERED = 8;

/**
 * I3: every value that our reconciler reports was returned by an adapter's read not long before; nothing is echoed from
 * desired. And it claims only versions that the service had given out, never less than before in one incarnation.
 */
export const reportTruth: MakeChecker = ({ history, things, violated }) => {
  const reads = new Map<string, JsonValue[]>();
  const members = new Set<string>(things.flatMap(({ kind, thingName }) => (kind === 'member' ? [thingName] : [])));
  const said = new Set<string>();
  const claims = new Map<string, { incarnation: number; version: number }>();
  return {
    see(_atMs, sighting) {
      if (sighting.type === 'read' && sighting.value !== undefined) {
        const { thing, shadow, field, value } = sighting;
        const place = `${shadow === undefined ? thing : `${thing}/${shadow}`} ${field}`;
        const values = reads.get(place) ?? [];
        reads.set(place, values);
        if (!same(values.at(-1), value)) values.push(value);
        if (values.length > READS_REMEMBERED) values.shift();
      }
      if (sighting.type !== 'service' || sighting.operation !== 'update') return;
      if (!members.has(sighting.client)) return;
      const key = shadowKey(sighting.ref);
      const body = JSON.parse(sighting.payload) as JsonObject;
      // A report that the network doubled is judged once, and not at all where the first of the two was refused.
      const token = member(body, 'clientToken');
      if (typeof token === 'string') {
        if (said.has(token)) return;
        said.add(token);
      }
      if (sighting.code !== 200) return;
      const state = member(body, 'state');
      const reported = isJsonObject(state) ? member(state, 'reported') : undefined;
      if (!isJsonObject(reported)) return;
      for (const [field, value] of leavesOf(withoutMember(reported, RECONCILER_KEY))) {
        if (value === null) continue;
        const known = reads.get(`${key} ${field}`) ?? [];
        if (known.some((read) => same(read, value))) continue;
        violated(`${key} reported ${field} = ${JSON.stringify(value)}; read were ${JSON.stringify(known)}`);
      }
      const revision = history.of(key).at(-1);
      const raw = member(reported, RECONCILER_KEY);
      const claim = isJsonObject(raw) ? member(raw, 'version') : undefined;
      if (revision === undefined || typeof claim !== 'number') return;
      const before = claims.get(key);
      // A deletion the device has not heard of yet leaves it with the old count; readers ignore such a claim.
      if (claim >= revision.version && revision.incarnation === 1) {
        violated(`${key} claimed v${claim} in an update that became v${revision.version}`);
      }
      if (before?.incarnation === revision.incarnation && claim < before.version && before.version < revision.version) {
        violated(`${key} claimed v${claim} after it had claimed v${before.version}`);
      }
      claims.set(key, { incarnation: revision.incarnation, version: claim });
    },
  };
};
