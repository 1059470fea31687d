import { writeFile } from 'node:fs/promises';
import type { Api } from '../client/api.ts';
import { epochMs } from '../core/brand.ts';
import { problem } from '../core/problem.ts';
import { done, fail, ok, type Result } from '../core/result.ts';
import type { DriftPageView, DriftView } from '../http/views/drift.ts';
import { driftCsv } from '../report/drift-csv.ts';
import { driftPage } from '../report/drift-page.ts';
import { driftRow } from '../report/drift-row.ts';
import type { Output } from './output/output.ts';

/** A page that was asked for with its counts. */
export interface CountedDrift extends DriftPageView {
  readonly counts: NonNullable<DriftPageView['counts']>;
}

/** A report is for reading or for a spreadsheet; beyond this it is for a program, and `--json` with a cursor serves that. */
const ROWS_MAX = 50_000;

/** Where reports go: a file each, `-` for stdout. */
export interface DriftExports {
  readonly html?: string;
  readonly csv?: string;
}

/**
 * Fetches the whole list, page by page, and writes it as one HTML document, as CSV, or both.
 *
 * Errors   `invalid_config` with the path where a file cannot be written; `payload_too_large` above 50,000 entries.
 */
export async function exportDrift(
  api: Api,
  query: Readonly<Record<string, string | number | boolean | undefined>>,
  { exports, output }: { exports: DriftExports; output: Output },
): Promise<Result<CountedDrift['counts']>> {
  const listed = await everyEntry(api, query);
  if (!listed.ok) return listed;
  const { entries, counts } = listed.value;
  const madeAt = epochMs(Date.now());
  const rows = entries.map((entry) => driftRow(entry, madeAt));
  const { ignored, acknowledged } = counts;
  const texts: [string | undefined, () => string][] = [
    [exports.html, () => driftPage({ rows, madeAt, source: api.url, ignored, acknowledged })],
    [exports.csv, () => driftCsv(rows)],
  ];
  for (const [path, text] of texts) {
    if (path === undefined) continue;
    const written = await write(path, text(), output);
    if (!written.ok) return written;
    if (path !== '-') output.talk(`${rows.length} entries written to ${path}`);
  }
  return ok(counts);
}

async function everyEntry(
  api: Api,
  query: Readonly<Record<string, string | number | boolean | undefined>>,
): Promise<Result<{ entries: DriftView[]; counts: CountedDrift['counts'] }>> {
  const entries: DriftView[] = [];
  let cursor: string | undefined;
  for (;;) {
    const page: Result<CountedDrift> = await api.get<CountedDrift>('/v1/drift', {
      query: { ...query, limit: 100, cursor },
    });
    if (!page.ok) return page;
    entries.push(...page.value.items);
    const { counts, next } = page.value;
    if (counts.fields > ROWS_MAX) {
      return fail(problem('payload_too_large', `${counts.fields} entries are too many for a report; narrow it down`));
    }
    if (next === undefined) return ok({ entries, counts });
    cursor = next;
  }
}

async function write(path: string, text: string, output: Output): Promise<Result<void>> {
  if (path === '-') {
    output.data(text.trimEnd());
    return done;
  }
  try {
    await writeFile(path, text);
    return done;
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    return fail(problem('invalid_config', `cannot write the report (${code})`, { at: path, cause }));
  }
}
