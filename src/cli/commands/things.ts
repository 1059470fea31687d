import type { Command } from 'commander';
import { ok } from '../../core/result.ts';
import type { PageView } from '../../http/views/parts.ts';
import type { ThingView } from '../../http/views/shadow.ts';
import { parseCount } from '../arguments/count.ts';
import { EXIT, parsedBy, type Cli } from '../cli.ts';
import { clientFor, withServer, type ServerOptions } from '../http-client.ts';
import { table } from '../output/table.ts';
import { forTerminal } from '../output/terminal.ts';
import { ago } from '../output/words.ts';

interface ThingsOptions extends ServerOptions {
  readonly prefix?: string;
  readonly names?: boolean;
  readonly limit?: number;
  readonly cursor?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--prefix <text>', 'whose name begins so')
    .option('--names', 'names only, one per line')
    .option('--limit <n>', 'at most so many (default 50, at most 100)', parsedBy(parseCount))
    .option('--cursor <text>', 'the next page, as the page before named it');
  withServer(command).action(
    cli.action(async (options: ThingsOptions) => {
      const { names, prefix, limit, cursor } = options;
      const client = clientFor(cli, options);
      if (!client.ok) return client;
      const page = await client.value.get<PageView<ThingView>>('/v1/things', { query: { prefix, limit, cursor } });
      if (!page.ok) return page;
      const { output } = cli;
      if (output.json) output.dataJson(page.value);
      else if (names === true) for (const { thingName } of page.value.items) output.data(forTerminal(thingName));
      else output.data(thingTable(page.value.items, output));
      if (page.value.next !== undefined) output.talk(`more: --cursor ${page.value.next}`);
      return ok(EXIT.ok);
    }),
  );
}

function thingTable(things: readonly ThingView[], { color, width }: Cli['output']): string {
  return table({
    width,
    header: color.bold,
    columns: [{ title: 'THING' }, { title: 'PRESENCE' }, { title: 'SINCE' }, { title: 'SHADOWS', flexible: true }],
    rows: things.map(({ thingName, presence, shadows }) => [
      forTerminal(thingName),
      { text: presence.state, paint: presence.state === 'online' ? color.green : color.dim },
      presence.state === 'unknown' ? '-' : ago(presence.since),
      shadows.map(({ shadowName }) => (shadowName === undefined ? 'classic' : forTerminal(shadowName))).join(', '),
    ]),
  });
}
