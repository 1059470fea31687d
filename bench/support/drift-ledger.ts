import type { FieldPointer, ThingName } from '../../src/core/brand.ts';
import type { DriftEntry } from '../../src/core/drift/drift.ts';
import { openSqliteLedger } from '../../src/adapters/sqlite/sqlite-ledger.ts';

/** A ledger at `path` with so many drifting fields, of up to 20,000 things. */
export async function fillWithDrift(path: string, count: number): Promise<void> {
  const ledger = await openSqliteLedger({ path });
  if (!ledger.ok) throw new Error(ledger.problem.message);
  for (let from = 0; from < count; from += 5_000) {
    const rows = Array.from({ length: Math.min(5_000, count - from) }, (_, at) => entry(from + at));
    const stored = await ledger.value.commit(rows.map((row) => ({ type: 'drift' as const, entry: row })));
    if (!stored.ok) throw new Error(stored.problem.message);
  }
  await ledger.value.close();
}

function entry(index: number): DriftEntry {
  const causes = ['offline', 'refused', 'stuck', 'never_delivered'] as const;
  const seen = Date.now() - ((index * 7_919) % 2_000_000) * 1_000;
  return {
    ref: { thingName: `thing-${index % 20_000}` as ThingName },
    field: `/zone${Math.floor(index / 20_000)}/targetC` as FieldPointer,
    desired: 21,
    reported: 20,
    differs: true,
    cause: causes[index % 4] ?? 'stuck',
    firstSeenAt: seen as DriftEntry['firstSeenAt'],
    flaps: index % 3,
    author: 'backend',
    version: 7,
    incarnation: 1,
    seenAt: seen as DriftEntry['seenAt'],
  };
}
