import { leavesOf } from '../../src/core/json/json-pointer.ts';
import { isJsonObject, member, withoutMember, type JsonObject, type JsonValue } from '../../src/core/json/json.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import { RECONCILER_KEY } from '../../src/protocol/reconciler-member.ts';
import type { Sighting } from '../world/sighting.ts';
import type { MakeChecker } from './checker.ts';
import { ClaimTruth, ON_ITS_WAY_MS } from './claim-truth.ts';
import { same } from './service-history.ts';

interface Read {
  /** Undefined: it could not be read. */
  readonly value: JsonValue | undefined;
  /** When a read brought something else. */
  untilMs: number;
}

/**
 * I3: every value that our reconciler reports is what the adapter's last read returned, or the one before that while the
 * report was on its way; nothing is echoed from desired, nor reported again once it cannot be read. What it claims holds
 * as well.
 */
export const reportTruth: MakeChecker = (context) => {
  const { history, things, violated } = context;
  const reads = new Map<string, Read[]>();
  const members = new Set<string>(things.flatMap(({ kind, thingName }) => (kind === 'member' ? [thingName] : [])));
  const said = new Set<string>();
  const claims = new ClaimTruth(context);
  return {
    see(atMs, sighting) {
      claims.see(atMs, sighting);
      if (sighting.type === 'read') note(atMs, sighting);
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
        const known = reads.get(`${key} ${field}`)?.filter(({ untilMs }) => untilMs >= atMs - ON_ITS_WAY_MS) ?? [];
        if (known.some((read) => same(read.value, value))) continue;
        const words = JSON.stringify(known.map((read) => read.value ?? 'unreadable'));
        violated(`${key} reported ${field} = ${JSON.stringify(value)}; read were ${words}`);
      }
      const revision = history.of(key).at(-1);
      const raw = member(reported, RECONCILER_KEY);
      const claim = isJsonObject(raw) ? member(raw, 'version') : undefined;
      if (revision !== undefined && typeof claim === 'number') claims.judge(key, revision, claim);
    },
  };

  function note(atMs: number, { thing, shadow, field, value }: Extract<Sighting, { type: 'read' }>): void {
    const place = `${shadow === undefined ? thing : `${thing}/${shadow}`} ${field}`;
    const known = reads.get(place) ?? [];
    const last = known.at(-1);
    if (last !== undefined && same(last.value, value)) return;
    if (last !== undefined) last.untilMs = atMs;
    const recent = known.filter(({ untilMs }) => untilMs >= atMs - ON_ITS_WAY_MS);
    reads.set(place, [...recent, { value, untilMs: Infinity }]);
  }
};
