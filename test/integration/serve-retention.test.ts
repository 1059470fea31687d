import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { openSqliteLedger } from '../../src/adapters/sqlite/sqlite-ledger.ts';
import { epochMs } from '../../src/core/brand.ts';
import type { LedgerChange } from '../../src/ports/ledger.ts';
import { eventually } from '../support/eventually.ts';
import { aCommand, aLine, aRecord, aWrite, got, line, next, ref, stored } from '../support/ledger-fixtures.ts';
import { startShadowctl } from '../support/shadowctl.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const DAY_MS = 86_400_000;
const OLD = 1_100;
const OPEN = 20;
const FRESH = 7;
const BATCH = 200;

/** A command of `ageMs` ago with its timeline, its write and its key; over since then if `ended`. */
function life(number: number, ageMs: number, ended: boolean): LedgerChange[] {
  const then = epochMs(Date.now() - ageMs);
  const policy = { ...aCommand(1).policy, expiresAt: epochMs(Date.now() + 30 * DAY_MS) };
  const command = aCommand(number, { ref: ref(`thing-${number}`), createdAt: then, policy });
  const write = aWrite(number, { ref: command.ref, commandIds: [command.id], state: 'accepted', acceptedVersion: 1 });
  const created = [stored(command), line(aLine(command)), { type: 'write' as const, write }];
  const record = { type: 'idempotency' as const, record: aRecord(`key-${number}`, command) };
  if (!ended) return [...created, record];
  const end = next(command, { status: 'succeeded', endedAt: then });
  return [...created, record, stored(end), line(aLine(end, { event: 'succeeded' }))];
}

test(
  'serve --retention takes away what ended before that, a few at a time, and nothing else',
  { timeout: 60_000 },
  async () => {
    const folder = temporaryFolder();
    const path = folder.path('ledger.sqlite');
    const ledger = await got(openSqliteLedger({ path }));
    for (let number = 0; number < OLD; number += 1) await got(ledger.commit(life(number, DAY_MS, true)));
    for (let number = OLD; number < OLD + OPEN; number += 1) await got(ledger.commit(life(number, DAY_MS, false)));
    const fresh = OLD + OPEN;
    for (let number = fresh; number < fresh + FRESH; number += 1) await got(ledger.commit(life(number, 1_000, true)));
    await ledger.close();

    const args = ['--listen', '127.0.0.1:0', '--store', `sqlite:${path}`, '--mqtt', 'mqtt://127.0.0.1:1'];
    const server = startShadowctl(['serve', ...args, '--retention', '1h', '--log', 'error', '--json']);
    const onlooker = new Sqlite(path, { readonly: true });
    try {
      const url = await eventually(() => /"http":"([^"]+)"/.exec(server.stdout())?.[1]);
      const rows = (table: string): number => onlooker.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
      const seen = new Set<number>();
      await eventually(
        () => {
          const left = rows('command');
          seen.add(left);
          return left <= OPEN + FRESH;
        },
        { withinMs: 30_000, everyMs: 5 },
      );
      // Whoever looks on sees whole batches go.
      for (const left of seen) expect([0, OLD % BATCH]).toContain((OLD + OPEN + FRESH - left) % BATCH);

      expect(rows('command')).toBe(OPEN + FRESH);
      expect(rows('timeline')).toBe(OPEN + FRESH * 2);
      expect(rows('write')).toBe(OPEN + FRESH);
      expect(rows('idempotency')).toBe(OPEN + FRESH);
      const open = aCommand(OLD).id;
      const answer = await fetch(`${url}/v1/commands/${open}`);
      expect(await answer.json()).toMatchObject({ id: open, status: 'queued' });
      expect((await fetch(`${url}/v1/commands/${aCommand(0).id}`)).status).toBe(404);
      expect((await fetch(`${url}/v1/commands/${aCommand(fresh).id}`)).status).toBe(200);
    } finally {
      onlooker.close();
      server.process.kill('SIGTERM');
      await server.ended;
      folder.remove();
    }
  },
);
