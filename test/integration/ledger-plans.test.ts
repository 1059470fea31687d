import { mkdirSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../src/adapters/sqlite/open-database.ts';
import { ChangeWriter } from '../../src/adapters/sqlite/change-writer.ts';
import { CommandReads } from '../../src/adapters/sqlite/command-reads.ts';
import { DriftReads } from '../../src/adapters/sqlite/drift-reads.ts';
import { KnownRows } from '../../src/adapters/sqlite/known-rows.ts';
import { Pruner } from '../../src/adapters/sqlite/prune.ts';
import { ShadowReads } from '../../src/adapters/sqlite/shadow-reads.ts';
import type { ThingName } from '../../src/core/brand.ts';
import { aDrift, at, commandId, got, ref } from '../support/ledger-fixtures.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const plans = new Map<string, string[]>();

/** Runs every query once and keeps how SQLite goes about it. */
beforeAll(async () => {
  mkdirSync(folder.path('.'), { recursive: true });
  const { database, lock } = await got(openDatabase(Sqlite, { path: folder.path('ledger.sqlite') }));
  const asked = new Set<string>();
  const spy = new Proxy(database, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (key !== 'prepare') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      return (sql: string) => {
        asked.add(sql);
        return target.prepare(sql);
      };
    },
  });
  const [commands, shadows] = [new CommandReads(spy), new ShadowReads(spy)];
  new ChangeWriter(database).write([[{ type: 'drift', entry: aDrift('x', '/a') }]]);
  const page = { limit: 5 };
  const cursor = { limit: 5, cursor: commandId(3) };
  commands.command(commandId(1));
  commands.commands({}, page);
  commands.commands({ statuses: ['queued'], author: 'a', createdFrom: at(0) }, cursor);
  commands.commands({ thingName: 'x' as ThingName }, cursor);
  commands.commands({ parentId: commandId(1) }, cursor);
  commands.timeline(commandId(1));
  commands.events(0, 5, 0);
  commands.openShadows(cursor);
  shadows.shadow(ref('x'));
  shadows.shadows(cursor);
  shadows.presences(cursor);
  shadows.write('sr1-x' as never);
  shadows.idempotency('x');
  for (const sort of ['oldest', 'newest', 'flaps', 'thing'] as const) {
    const drift = new DriftReads(spy, new KnownRows(0)); // knows no row yet, so that it asks for the bodies, too
    drift.drift({ sort }, page);
  }
  new Pruner(spy).prune(at(0), 5, 0);
  for (const sql of asked) {
    const rows = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...Array<number>(sql.split('?').length - 1).fill(0));
    plans.set(
      sql,
      (rows as { detail: string }[]).map(({ detail }) => detail),
    );
  }
  database.close();
  lock.close();
});
afterAll(() => folder.remove());

test('no question of the ledger reads a table through or sorts what can grow without end', () => {
  expect(plans.size).toBeGreaterThan(15);
  const bad = [...plans].filter(([, details]) =>
    // A SCAN along an index that gives the order stops at the page's limit.
    details.some(
      (detail) =>
        (/^SCAN/.test(detail) && !/USING (COVERING )?INDEX/.test(detail)) ||
        /TEMP B-TREE FOR (GROUP|ORDER)/.test(detail),
    ),
  );
  // One shadow's own rows are few, the ignore rules too; drift by thing walks its primary key.
  const sorted = bad.filter(
    ([sql]) => !/AND thing = \? AND shadow = \? ORDER BY id|open = 1 ORDER BY id|FROM drift .*ORDER BY thing/.test(sql),
  );
  expect(sorted).toEqual([]);
});

test('the start reads open commands from an index alone', () => {
  const plan = [...plans].find(([sql]) => sql.includes('min(expires_at)'))?.[1] ?? [];
  expect(plan.join()).toMatch(/USING COVERING INDEX command_open/);
});

test('the places of a drift page are read from an index alone', () => {
  const [, plan = []] =
    [...plans].find(([sql]) => sql.includes("|| ' ' ||") && sql.includes('first_seen_at ASC')) ?? [];
  expect(plan.join()).toMatch(/USING COVERING INDEX drift_listed$/);
  expect([...plans.keys()].filter((sql) => sql.startsWith('SELECT body FROM drift WHERE ignored'))).toHaveLength(4);
});
