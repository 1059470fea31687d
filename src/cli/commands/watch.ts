import type { Command } from 'commander';
import { createApi } from '../../client/api.ts';
import { createClient } from '../../client/client.ts';
import { ShadowctlError } from '../../client/error.ts';
import { ok, fail } from '../../core/result.ts';
import type { CommandView, TimelineEntryView } from '../../http/views/command.ts';
import { parseCommandId } from '../arguments/command-id.ts';
import { parseCount } from '../arguments/count.ts';
import { EXIT, parsedBy, type Cli } from '../cli.ts';
import { serverFrom, withServer, type ServerOptions } from '../http-client.ts';
import { forTerminal } from '../output/terminal.ts';
import { verdictMark, wish } from '../output/words.ts';
import { VERDICT_OF } from '../../core/command/command.ts';

interface WatchOptions extends ServerOptions {
  readonly command?: string;
  readonly after?: number;
}

/** Everything that happens to commands, as it happens; with `--json` one event per line. */
export function define(command: Command, cli: Cli): void {
  command
    .option('--command <command>', 'of this command only', parsedBy(parseCommandId))
    .option('--after <sequence>', 'from this event on (default: from now on)', parsedBy(parseCount));
  withServer(command).action(
    cli.action(async (options: WatchOptions) => {
      const server = serverFrom(cli, options);
      if (!server.ok) return server;
      // The first answer decides whether there is a server at all; from then on the stream rides out its restarts.
      const api = createApi({ ...server.value, signal: cli.signal });
      const there = await api.get('/v1/commands', { query: { limit: 1 } });
      if (!there.ok) return there;
      const client = createClient(server.value);
      const names = new Map<string, Promise<CommandView | undefined>>();
      const { command: only, after } = options;
      try {
        const asked = {
          signal: cli.signal,
          ...(only === undefined ? {} : { command: only }),
          ...(after === undefined ? {} : { after }),
        };
        for await (const entry of client.events(asked)) {
          const known = names.get(entry.commandId) ?? client.command(entry.commandId).catch(() => undefined);
          remember(names, entry.commandId, known);
          if (cli.output.json) cli.output.dataJson(entry);
          else cli.output.data(eventLine(entry, await known, cli));
        }
      } catch (error) {
        if (!(error instanceof ShadowctlError)) throw error;
        return fail({ code: error.code, message: error.message });
      }
      return ok(EXIT.ok);
    }),
  );
}

/** What a command wishes never changes; a bounded number of them is kept. */
const NAMES_MAX = 1_000;

function remember<T>(names: Map<string, T>, id: string, value: T): void {
  names.delete(id);
  names.set(id, value);
  const [oldest] = names.keys();
  if (names.size > NAMES_MAX && oldest !== undefined) names.delete(oldest);
}

function eventLine(entry: TimelineEntryView, command: CommandView | undefined, { output }: Cli): string {
  const { sign, paint } = verdictMark({ verdict: VERDICT_OF[entry.status] }, output.color);
  const time = entry.at.slice(11, 23);
  const what = command === undefined ? '' : `${forTerminal(command.shadow)} ${wish(command)}`;
  const state = paint(`${sign} ${entry.status}`.padEnd(16));
  return `${output.color.dim(time)}  ${state}  ${forTerminal(entry.event).padEnd(20)}  ${what}  ${output.color.dim(entry.commandId)}`;
}
