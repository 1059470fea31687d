import type { Database } from 'better-sqlite3';
import type { Scope } from '../../core/access/decide.ts';
import { DIRECT_PLACE } from '../../core/direct/place.ts';
import type { FleetOverview } from '../../ports/ledger.ts';
import { scopeCondition } from './scope-condition.ts';

/** Counts over the small indexes; nothing here opens a body but presence, which has one row per thing. */
export function fleetOverview(database: Database, scope: Scope | undefined): FleetOverview {
  const [visible, ...values] = scope === undefined ? ['1'] : scopeCondition(scope);
  const given = [...values, ...values, ...values];
  const counts = database.prepare(`${parts(visible)} ${SHADOWS}`).get(...given) as ShadowCounts;
  const things = database.prepare(`${parts(visible)} ${THINGS}`).get(...given) as FleetOverview['things'];
  const { busy, ...shadows } = counts;
  return { things, shadows: { ...shadows, inSync: shadows.total - busy } };
}

type ShadowCounts = Omit<FleetOverview['shadows'], 'inSync'> & { readonly busy: number };

/** What is known of shadows that the caller may look at. */
const parts = (visible: string): string => `WITH
  known AS (SELECT thing, shadow FROM shadow WHERE ${visible}),
  open AS (SELECT DISTINCT thing, shadow FROM command INDEXED BY command_open WHERE live = 2
           AND shadow <> '${DIRECT_PLACE}' AND ${visible}),
  listed AS (SELECT thing, shadow, refused > 0 AS refused FROM drift_shadow WHERE ${visible})`;

/** `total` counts every shadow that anything is known of: a command may be older than the first look at its shadow. */
const SHADOWS = `SELECT
  (SELECT count(*) FROM (SELECT * FROM known UNION SELECT * FROM open UNION SELECT thing, shadow FROM listed)) AS total,
  (SELECT count(*) FROM open) AS pending,
  (SELECT count(*) FROM listed) AS drifted,
  (SELECT count(*) FROM listed WHERE refused) AS refused,
  (SELECT count(*) FROM (SELECT * FROM open UNION SELECT thing, shadow FROM listed)) AS busy`;

/** Only things with a shadow: a client of the broker that has none (ours among them) is nobody's device. */
const THINGS = `SELECT
  count(*) FILTER (WHERE body ->> 'state' = 'online') AS online,
  count(*) FILTER (WHERE body ->> 'state' = 'offline') AS offline,
  count(*) FILTER (WHERE coalesce(body ->> 'state', 'unknown') = 'unknown') AS unknown
  FROM (SELECT thing FROM known UNION SELECT thing FROM open) LEFT JOIN presence USING (thing)`;
