import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { CommandDetailView, CommandView, ExplanationView } from '../http/views/command.ts';
import type { AggregateView } from '../http/views/many.ts';
import type { Api } from '../client/api.ts';
import { EXIT, type Cli, type ExitCode } from './cli.ts';
import { forTerminal } from './output/terminal.ts';
import { commandLine } from './output/command-table.ts';

/** One request of a wait. Short enough that the reason on the screen stays fresh, long enough to cost nothing. */
const LOOK_MS = 10_000;
/** A server may restart while we wait; the command is safe in its ledger. Longer than that is no restart. */
const SERVER_AWAY_MS_MAX = 60_000;
const SERVER_RETRY_MS = 500;

/** What one look saw. */
export interface Seen<T> {
  readonly value: T;
  readonly over: boolean;
  /** What is still being waited for, for people. */
  readonly words: () => Promise<string>;
}

export interface Waiting {
  readonly cli: Cli;
  readonly client: Api;
  readonly id: string;
  readonly timeoutMs?: number | undefined;
}

/**
 * Waits until a command has ended and says on stderr, whenever that changes, what it waits for. Settles with the command
 * as it is when the time is over. Rides out a restart of the server.
 */
export async function follow({ cli, client, id, timeoutMs }: Waiting): Promise<Result<CommandView>> {
  return until({ cli, timeoutMs, look: lookAtCommand(client, id, ({ verdict }) => verdict !== 'pending') });
}

/** The same for the commands of one request for many things. */
export async function followMany({ cli, client, id, timeoutMs }: Waiting): Promise<Result<AggregateView>> {
  const look: Look<AggregateView> = async (options) => {
    const found = await client.get<AggregateView>(`/v1/parents/${id}`, options);
    if (!found.ok) return found;
    const { verdict, settled, total } = found.value;
    return ok({
      value: found.value,
      over: verdict !== 'pending',
      words: async () => `${settled} of ${total} commands have ended`,
    });
  };
  return until({ cli, timeoutMs, look });
}

/** A look at a command, with its explanation for whoever waits; the server holds the answer for a while. */
export function lookAtCommand(
  client: Api,
  id: string,
  isOver: (command: CommandDetailView) => boolean,
): Look<CommandDetailView> {
  return async (options) => {
    const found = await client.get<CommandDetailView>(`/v1/commands/${id}`, options);
    if (!found.ok) return found;
    const words = async (): Promise<string> => {
      const explained = await client.get<ExplanationView>(`/v1/commands/${id}/explain`);
      return explained.ok ? explained.value.words : found.value.status;
    };
    return ok({ value: found.value, over: isOver(found.value), words });
  };
}

export type Look<T> = (options: {
  /** How long the server may hold its answer. */
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
}) => Promise<Result<Seen<T>>>;

/**
 * Looks until it is over, or the own time is: settles with what was seen last. `pauseMs` is for what the server answers
 * at once instead of holding it.
 */
export async function until<T>({
  cli,
  look,
  timeoutMs,
  pauseMs = 0,
}: {
  cli: Cli;
  look: Look<T>;
  timeoutMs: number | undefined;
  pauseMs?: number;
}): Promise<Result<T>> {
  const deadline = new AbortController();
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => deadline.abort(), timeoutMs);
  try {
    return await lookAgain({ cli, look, pauseMs, deadline: deadline.signal });
  } finally {
    clearTimeout(timer);
  }
}

async function lookAgain<T>({
  cli,
  look,
  pauseMs,
  deadline,
}: {
  cli: Cli;
  look: Look<T>;
  pauseMs: number;
  deadline: AbortSignal;
}): Promise<Result<T>> {
  const tell = teller(cli);
  let awaySince: number | undefined;
  let waitMs = 0; // the first look is to say at once what is being waited for
  for (;;) {
    const found = await look({ waitMs, signal: waitMs > 0 ? deadline : undefined });
    if (cli.signal.aborted) return fail(problem('server_unreachable', 'the wait was interrupted; the command goes on'));
    if (found.ok) {
      awaySince = undefined;
      if (found.value.over || deadline.aborted) return ok(found.value.value);
      tell(await found.value.words());
      waitMs = LOOK_MS;
      if (pauseMs > 0) await sleep(pauseMs, deadline);
    } else if (found.problem.code !== 'server_unreachable') {
      return found;
    } else if (deadline.aborted && waitMs > 0) {
      waitMs = 0; // the wait was cut short by our own deadline: one last look
    } else {
      awaySince ??= performance.now();
      if (performance.now() - awaySince > SERVER_AWAY_MS_MAX || deadline.aborted) return found;
      tell('the server is away; the command is safe in its ledger');
      await sleep(SERVER_RETRY_MS, deadline);
    }
  }
}

function sleep(ms: number, deadline: AbortSignal): Promise<void> {
  if (deadline.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(end, ms);
    function end(): void {
      clearTimeout(timer);
      deadline.removeEventListener('abort', end);
      resolve();
    }
    deadline.addEventListener('abort', end, { once: true });
  });
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
