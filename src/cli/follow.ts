import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { CommandDetailView, CommandView, ExplanationView } from '../http/views/command.ts';
import { EXIT, type Cli, type ExitCode } from './cli.ts';
import type { Api } from '../client/api.ts';
import { forTerminal } from './output/terminal.ts';
import { commandLine } from './output/command-table.ts';

/** One request of a wait. Short enough that the reason on the screen stays fresh, long enough to cost nothing. */
const LOOK_MS = 10_000;
/** A server may restart while we wait; the command is safe in its ledger. Longer than that is no restart. */
const SERVER_AWAY_MS_MAX = 60_000;
const SERVER_RETRY_MS = 500;

/**
 * Waits until a command has ended and says on stderr, whenever that changes, what it waits for. Settles with the command
 * as it is when the time is over. Rides out a restart of the server.
 */
export async function follow({
  cli,
  client,
  id,
  timeoutMs,
}: {
  cli: Cli;
  client: Api;
  id: string;
  timeoutMs?: number | undefined;
}): Promise<Result<CommandView>> {
  const deadline = new AbortController();
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => deadline.abort(), timeoutMs);
  try {
    return await look({ cli, client, id, deadline: deadline.signal });
  } finally {
    clearTimeout(timer);
  }
}

async function look({
  cli,
  client,
  id,
  deadline,
}: {
  cli: Cli;
  client: Api;
  id: string;
  deadline: AbortSignal;
}): Promise<Result<CommandView>> {
  const tell = teller(cli);
  let awaySince: number | undefined;
  let waitMs = 0; // the first look is to say at once what is being waited for
  for (;;) {
    const signal = waitMs > 0 ? deadline : undefined;
    const found = await client.get<CommandDetailView>(`/v1/commands/${id}`, { waitMs, signal });
    if (cli.signal.aborted) return fail(problem('server_unreachable', 'the wait was interrupted; the command goes on'));
    if (found.ok) {
      awaySince = undefined;
      if (found.value.verdict !== 'pending' || deadline.aborted) return found;
      const explained = await client.get<ExplanationView>(`/v1/commands/${id}/explain`);
      tell(explained.ok ? explained.value.words : found.value.status);
      waitMs = LOOK_MS;
    } else if (found.problem.code !== 'server_unreachable') {
      return found;
    } else if (deadline.aborted && waitMs > 0) {
      waitMs = 0; // the wait was cut short by our own deadline: one last look
    } else {
      awaySince ??= performance.now();
      if (performance.now() - awaySince > SERVER_AWAY_MS_MAX || deadline.aborted) return found;
      tell('the server is away; the command is safe in its ledger');
      await new Promise((resolve) => setTimeout(resolve, SERVER_RETRY_MS));
    }
  }
}

function teller({ output }: Cli): (words: string) => void {
  let last = '';
  return (words) => {
    if (words !== last) output.talk(`${output.talkColor.yellow('…')} ${forTerminal(words)}`);
    last = words;
  };
}

/** Prints a command that was created or waited for; with `waited` the exit code is its verdict's. */
export function showCommand(cli: Cli, command: CommandView, waited: boolean): Result<ExitCode> {
  if (cli.output.json) cli.output.dataJson(command);
  else cli.output.data(commandLine(command, cli.output));
  return ok(waited ? exitOf(command) : EXIT.ok);
}

/** DESIGN.md section 6; still pending means that our own wait was over. */
export function exitOf(command: CommandView): ExitCode {
  switch (command.status) {
    case 'succeeded':
    case 'succeeded_late':
      return EXIT.ok;
    case 'superseded':
      return EXIT.conflict;
    case 'failed':
      return command.statusReason === 'version_conflict' ? EXIT.conflict : EXIT.commandFailed;
    case 'cancelled':
      return EXIT.commandFailed;
    case 'timed_out':
    case 'expired':
    case 'queued':
    case 'sent':
    case 'delivered':
      return EXIT.timedOut;
  }
}
