import type { EpochMs } from '../core/brand.ts';
import { escapeHtml } from './escape-html.ts';
import type { DriftRow } from './drift-row.ts';
import { CAUSE_WORDS } from './words.ts';

export interface DriftPage {
  readonly rows: readonly DriftRow[];
  readonly madeAt: EpochMs;
  /** Where it came from, such as the server's address. */
  readonly source: string;
  readonly ignored: number;
  readonly acknowledged: number;
}

/**
 * The drift report as one HTML document that opens from disk: no script, no request to anywhere (its own policy forbids
 * both), readable on paper and by a screen reader, light and dark.
 */
export function driftPage({ rows, madeAt, source, ignored, acknowledged }: DriftPage): string {
  const shadows = new Set(rows.map(({ shadow }) => shadow)).size;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Drift report</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Drift report</h1>
<p>${rows.length} field${rows.length === 1 ? '' : 's'} of ${shadows} shadow${shadows === 1 ? '' : 's'} differ.
${ignored} ignored by rule, ${acknowledged} acknowledged. Made <time>${new Date(madeAt).toISOString()}</time> from ${escapeHtml(source)}.</p>
${rows.length === 0 ? '<p>Nothing differs.</p>' : table(rows)}
</body>
</html>
`;
}

function table(rows: readonly DriftRow[]): string {
  return `<table>
<thead><tr><th scope="col">Shadow and field</th><th scope="col">Desired</th><th scope="col">Reported</th><th scope="col">Cause</th><th scope="col">Since</th><th scope="col">Whose wish</th><th scope="col">What to do</th></tr></thead>
<tbody>
${rows.map(tableRow).join('\n')}
</tbody>
</table>`;
}

function tableRow(row: DriftRow): string {
  const { sign } = CAUSE_WORDS[row.cause];
  const note = row.note === '' ? '' : `<br><small>${escapeHtml(row.note)}</small>`;
  const flaps = row.flaps === 0 ? '' : `<br><small>differed ${row.flaps + 1} times</small>`;
  return `<tr><th scope="row">${escapeHtml(row.shadow)}<br><code>${escapeHtml(row.field)}</code></th>
<td><code>${value(row.desired)}</code></td><td><code>${value(row.reported)}</code></td>
<td><span aria-hidden="true">${sign}</span> ${escapeHtml(row.causeWord)}<br><small>${escapeHtml(row.why)}</small>${note}</td>
<td><time datetime="${escapeHtml(row.firstSeenAt)}" title="${escapeHtml(row.firstSeenAt)}">${escapeHtml(row.since)}</time>${flaps}</td>
<td>${row.author === '' ? 'unknown' : escapeHtml(row.author)}</td><td>${escapeHtml(row.todo)}</td></tr>`;
}

function value(text: string): string {
  return text === '' ? '<em>nothing</em>' : escapeHtml(text);
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; padding: 0 1rem; max-width: 80rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem; border-bottom: 1px solid light-dark(#ccc, #555); overflow-wrap: anywhere; }
thead th { border-bottom-width: 2px; overflow-wrap: normal; }
tbody th { font-weight: 600; }
small { color: light-dark(#444, #bbb); }
code { font-family: ui-monospace, monospace; }
@media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } }
`;
