import type { Database } from 'better-sqlite3';
import type { EpochMs } from '../../core/brand.ts';
import type { FleetOverview } from '../../ports/ledger.ts';

/** Counts over the small indexes; nothing here opens a body but presence, which has one row per thing. */
export function fleetOverview(database: Database, olderThan: readonly EpochMs[]): FleetOverview {
  const shadows = database.prepare(SHADOWS).get() as Omit<FleetOverview['shadows'], 'inSync'> & {
    readonly busy: number;
  };
  const things = database.prepare(THINGS).get() as FleetOverview['things'];
  const older = database
    .prepare('SELECT count(*) FROM drift WHERE first_seen_at < ? AND ignored = 0 AND acknowledged = 0')
    .pluck();
  const { busy, ...counts } = shadows;
  return {
    things,
    shadows: { ...counts, inSync: counts.total - busy },
    driftOlderThan: olderThan.map((instant) => older.get(instant) as number),
  };
}

const LISTED = 'SELECT thing, shadow FROM drift WHERE ignored = 0 AND acknowledged = 0';
const OPEN = 'SELECT thing, shadow FROM command INDEXED BY command_open WHERE live = 2';

/** `total` counts every shadow that anything is known of: a command may be older than the first look at its shadow. */
const SHADOWS = `SELECT
  (SELECT count(*) FROM (SELECT thing, shadow FROM shadow UNION ${OPEN} UNION ${LISTED})) AS total,
  (SELECT count(*) FROM (SELECT DISTINCT thing, shadow FROM (${OPEN}))) AS pending,
  (SELECT count(*) FROM (SELECT DISTINCT thing, shadow FROM (${LISTED}))) AS drifted,
  (SELECT count(*) FROM (SELECT DISTINCT thing, shadow FROM (${LISTED} AND cause = 'refused'))) AS refused,
  (SELECT count(*) FROM (${OPEN} UNION ${LISTED})) AS busy`;

/** Only things with a shadow: a client of the broker that has none (ours among them) is nobody's device. */
const THINGS = `SELECT
  count(*) FILTER (WHERE body ->> 'state' = 'online') AS online,
  count(*) FILTER (WHERE body ->> 'state' = 'offline') AS offline,
  count(*) FILTER (WHERE coalesce(body ->> 'state', 'unknown') = 'unknown') AS unknown
  FROM (SELECT DISTINCT thing FROM (SELECT thing FROM shadow UNION ALL SELECT thing FROM command INDEXED BY command_open WHERE live = 2))
  LEFT JOIN presence USING (thing)`;
