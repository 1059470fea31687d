import { Option, type Command } from 'commander';
import { DRIFT_CAUSES, type DriftCause } from '../../core/drift/drift.ts';
import { ok, type Result } from '../../core/result.ts';
import type { DriftView } from '../../http/views/drift.ts';
import { parseCount } from '../arguments/count.ts';
import { parseDuration } from '../arguments/duration.ts';
import { EXIT, parsedBy, type Cli, type ExitCode } from '../cli.ts';
import { exportDrift, type CountedDrift } from '../drift-export.ts';
import { clientFor, withServer, type ServerOptions } from '../http-client.ts';
import { table } from '../output/table.ts';
import { forTerminal, valueForTerminal } from '../output/terminal.ts';
import { ago, spoken } from '../output/words.ts';

interface DriftOptions extends ServerOptions {
  readonly thing?: string;
  readonly shadow?: string;
  readonly cause?: DriftCause;
  readonly author?: string;
  readonly olderThan?: number;
  readonly rule?: string;
  readonly all?: boolean;
  readonly sort?: string;
  readonly limit?: number;
  readonly cursor?: string;
  readonly exitCode?: boolean;
  readonly html?: string;
  readonly csv?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--thing <name>', 'of this thing, or of those with this prefix (room-*)')
    .option('--shadow <name>', 'of this named shadow')
    .addOption(new Option('--cause <cause>', 'with this cause').choices(DRIFT_CAUSES))
    .option('--author <name>', 'desired by this author')
    .option('--older-than <duration>', 'first seen longer ago than that', parsedBy(parseDuration))
    .option('--rule <id>', 'only what this ignore rule leaves out of the report (ignore list)')
    .option('--all', 'with what is ignored or acknowledged')
    .addOption(new Option('--sort <order>', 'default oldest').choices(['oldest', 'newest', 'thing', 'flaps']))
    .option('--limit <n>', 'at most so many (default 50, at most 100)', parsedBy(parseCount))
    .option('--cursor <text>', 'the next page, as the page before named it')
    .option('--html <file>', 'the whole list as one HTML page that opens from disk (- for stdout)')
    .option('--csv <file>', 'the whole list as CSV (- for stdout)')
    .option('--exit-code', 'exit 1 when there is drift');
  withServer(command).action(
    cli.action(async (options: DriftOptions) => {
      const client = clientFor(cli, options);
      if (!client.ok) return client;
      const { html, csv } = options;
      if (html !== undefined || csv !== undefined) {
        const { limit: _limit, cursor: _cursor, ...query } = queryFrom(options);
        const exports = { ...(html === undefined ? {} : { html }), ...(csv === undefined ? {} : { csv }) };
        const counts = await exportDrift(client.value, query, { exports, output: cli.output });
        if (!counts.ok) return counts;
        return ok(options.exitCode === true && counts.value.fields > 0 ? EXIT.differs : EXIT.ok);
      }
      const page = await client.value.get<CountedDrift>('/v1/drift', { query: queryFrom(options) });
      if (!page.ok) return page;
      return show(cli, page.value, options.exitCode === true);
    }),
  );
}

function queryFrom({ thing, shadow, cause, author, olderThan, rule, all, sort, limit, cursor }: DriftOptions) {
  const prefix = thing?.endsWith('*') === true ? thing.slice(0, -1) : undefined;
  return {
    ...(prefix === undefined ? { thing } : prefix === '' ? {} : { thingPrefix: prefix }),
    name: shadow,
    cause,
    author,
    firstSeenBefore: olderThan === undefined ? undefined : new Date(Date.now() - olderThan).toISOString(),
    rule,
    includeIgnored: all,
    includeAcknowledged: all,
    sort,
    limit,
    cursor,
  };
}

function show({ output }: Cli, page: CountedDrift, exitCode: boolean): Result<ExitCode> {
  const { counts } = page;
  if (output.json) output.dataJson(page);
  else {
    if (page.items.length > 0) output.data(driftTable(page.items, output));
    output.talk(summary(page));
  }
  if (page.next !== undefined) output.talk(`more: --cursor ${page.next}`);
  return ok(exitCode && counts.fields > 0 ? EXIT.differs : EXIT.ok);
}

function summary({ items, counts }: CountedDrift): string {
  if (counts.fields === 0) return `nothing differs${aside(counts)}`;
  const held = items.filter(({ differs }) => !differs);
  const again = held.filter(({ openCommandId }) => openCommandId !== undefined).length;
  const agree = held.length - again;
  const kept =
    (agree === 0 ? '' : `, ${agree} of these agree again and wait for somebody to acknowledge them`) +
    (again === 0 ? '' : `, ${again} of these are asked for again by an open command`);
  return `${counts.fields} fields of ${counts.shadows} shadows${kept}${aside(counts)}`;
}

function aside({ ignored, acknowledged }: CountedDrift['counts']): string {
  return `${ignored > 0 ? `; ${ignored} ignored by rule` : ''}${acknowledged > 0 ? `; ${acknowledged} acknowledged` : ''}`;
}

function driftTable(entries: readonly DriftView[], { color, width }: { color: Cli['output']['color']; width: number }) {
  return table({
    width,
    header: color.bold,
    columns: [
      { title: 'SHADOW' },
      { title: 'FIELD' },
      { title: 'DESIRED', flexible: true },
      { title: 'REPORTED', flexible: true },
      { title: 'CAUSE' },
      { title: 'SINCE' },
      { title: 'BY' },
      { title: 'DETAIL', below: true },
    ],
    rows: entries.map((entry) => [
      forTerminal(entry.shadow),
      forTerminal(entry.field),
      valueForTerminal(entry.desired),
      valueForTerminal(entry.reported),
      stateOf(entry, color),
      ago(entry.firstSeenAt),
      forTerminal(entry.author ?? '-'),
      detailOf(entry),
    ]),
  });
}

/** What does not differ is still in the list where a command ended without success; a newer one may be at it. */
function stateOf({ differs, cause, openCommandId }: DriftView, color: Cli['output']['color']) {
  if (differs) return { text: spoken(cause), paint: color.red };
  if (openCommandId !== undefined) return { text: 'asked for again', paint: color.yellow };
  return { text: 'agrees again', paint: color.green };
}

function detailOf({ detail, openCommandId, acknowledged, ignoredBy }: DriftView): string {
  const parts = [
    detail === undefined ? '' : [detail.code, detail.message].filter((part) => part !== undefined).join(', '),
    openCommandId === undefined ? '' : `open command ${openCommandId}`,
    acknowledged === undefined ? '' : `acknowledged by ${acknowledged.by}`,
    ignoredBy === undefined ? '' : `ignored: ${ignoredBy.reason}`,
  ];
  return forTerminal(parts.filter((part) => part !== '').join('; '));
}
