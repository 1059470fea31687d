import { Option, type Command } from 'commander';
import { VERDICT_OF, type CommandStatus } from '../../core/command/command.ts';
import { ok, type Result } from '../../core/result.ts';
import type { CommandView } from '../../http/views/command.ts';
import type { PageView } from '../../http/views/parts.ts';
import { parseCommandId } from '../arguments/command-id.ts';
import { parseCount } from '../arguments/count.ts';
import { EXIT, parsedBy, type Cli, type ExitCode } from '../cli.ts';
import { clientFor, withServer, type ServerOptions } from '../http-client.ts';
import { commandTable } from '../output/command-table.ts';

interface ListOptions extends ServerOptions {
  readonly thing?: string;
  readonly shadow?: string;
  readonly status?: string;
  readonly verdict?: string;
  readonly author?: string;
  readonly parent?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

export function define(command: Command, cli: Cli): void {
  const statuses = Object.keys(VERDICT_OF) as CommandStatus[];
  command
    .option('--thing <name>', 'of this thing')
    .option('--shadow <name>', 'of this named shadow; "(direct)" for actions')
    .addOption(new Option('--status <status>', 'in this status').choices(statuses))
    .addOption(new Option('--verdict <verdict>', 'with this verdict').choices([...new Set(Object.values(VERDICT_OF))]))
    .option('--author <name>', 'by this author')
    .option('--parent <id>', 'of one request for many things', parsedBy(parseCommandId))
    .option('--limit <n>', 'at most so many (default 50, at most 100)', parsedBy(parseCount))
    .option('--cursor <text>', 'the next page, as the page before named it');
  withServer(command).action(
    cli.action(async (options: ListOptions) => {
      const client = clientFor(cli, options);
      if (!client.ok) return client;
      const page = await client.value.get<PageView<CommandView>>('/v1/commands', {
        query: queryFrom(options),
      });
      return page.ok ? show(cli, page.value) : page;
    }),
  );
}

function queryFrom({ thing, shadow, status, verdict, author, parent, limit, cursor }: ListOptions) {
  return { thing, name: shadow, status, verdict, author, parent, limit, cursor };
}

function show({ output }: Cli, page: PageView<CommandView>): Result<ExitCode> {
  if (output.json) output.dataJson(page);
  else if (page.items.length === 0) output.talk('no commands');
  else output.data(commandTable(page.items, output));
  if (page.next !== undefined) output.talk(`more: --cursor ${page.next}`);
  return ok(EXIT.ok);
}
