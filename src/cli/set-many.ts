import type { JsonObject } from '../core/json/json.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { CommandView } from '../http/views/command.ts';
import type { AggregateView, FanOutView, PlanView } from '../http/views/many.ts';
import type { PageView } from '../http/views/parts.ts';
import type { Api } from '../client/api.ts';
import { readTargets, type Targets } from './arguments/targets.ts';
import { EXIT, type Cli, type ExitCode } from './cli.ts';
import { followMany } from './follow.ts';
import { withLook } from './http-client.ts';
import { commandTable } from './output/command-table.ts';
import { spoken } from './output/words.ts';
import { lookForWish, waits } from './wish.ts';

/** Which shadows `set` is meant for, and whether to wait for them. */
export interface SetTargets {
  readonly shadow?: string;
  readonly things?: string;
  readonly filter?: string;
  readonly expect?: number;
  readonly ifVersion?: number;
  readonly wait?: boolean;
  readonly timeout?: number;
}

export interface SetRequest {
  readonly cli: Cli;
  readonly client: Api;
  readonly options: SetTargets;
  /** What is sent besides the targets. */
  readonly body: { readonly desired: JsonObject };
  readonly headers: Readonly<Record<string, string>>;
}

/** `set` for many things: one request, a command each, and what became of every one of them. */
export async function setMany({ cli, client, options, body, headers }: SetRequest): Promise<Result<ExitCode>> {
  const { things, filter, expect, ifVersion } = options;
  if (ifVersion !== undefined) {
    return fail(problem('invalid_usage', '--if-version is the version of one shadow and means nothing for many'));
  }
  if (things !== undefined && filter !== undefined) {
    return fail(problem('invalid_usage', '--things and --filter exclude each other'));
  }
  const targets: Result<Targets> =
    filter === undefined
      ? readTargets(things ?? '', options.shadow)
      : ok({ things: { pattern: filter }, ...(options.shadow === undefined ? {} : { name: options.shadow }) });
  if (!targets.ok) return targets;
  if (filter !== undefined && expect === undefined) return howMany(client, { ...targets.value, filter, body });
  const made = await client.post<FanOutView>(
    '/v1/commands',
    { ...body, ...targets.value, expectedCount: expect },
    { headers },
  );
  if (!made.ok) return withLook(made, lookForWish('', headers));
  const { parentId, commands } = made.value;
  if (waits(options)) {
    return waitForMany({ cli, client, id: parentId, timeoutMs: options.timeout });
  }
  if (cli.output.json) cli.output.dataJson(made.value);
  else cli.output.data(commandTable(commands, cli.output));
  cli.output.talk(`${commands.length} accepted; follow them with: shadowctl wait ${parentId}`);
  return ok(EXIT.ok);
}

/** A pattern may mean more than one thinks: the number is asked for, and told. */
async function howMany(
  client: Api,
  { things, name, filter, body: { desired } }: Targets & { filter: string; body: SetRequest['body'] },
): Promise<Result<never>> {
  const plan = await client.post<PlanView>('/v1/plan', { desired, things, name }, { readOnly: true });
  if (!plan.ok) return plan;
  const { total } = plan.value;
  return fail(
    problem(
      'invalid_usage',
      `${total} things fit ${filter}; nothing was written: if they are meant, say --expect ${total}`,
    ),
  );
}

/** Waits until every command has ended, or the own wait is over; then shows each, and how many of what. */
export async function waitForMany({
  cli,
  client,
  id,
  timeoutMs,
}: {
  cli: Cli;
  client: Api;
  id: string;
  timeoutMs: number | undefined;
}): Promise<Result<ExitCode>> {
  const ended = await followMany({ cli, client, id, timeoutMs });
  if (!ended.ok) return ended;
  const commands = await childrenOf(client, id);
  if (!commands.ok) return commands;
  if (cli.output.json) cli.output.dataJson({ ...ended.value, commands: commands.value });
  else cli.output.data(commandTable(commands.value, cli.output));
  cli.output.talk(countsOf(ended.value));
  return ok(exitOfMany(ended.value));
}

function countsOf({ total, statuses }: AggregateView): string {
  const counts = Object.entries(statuses).map(([status, count]) => `${count} ${spoken(status)}`);
  return `of ${total}: ${counts.join(', ')}`;
}

/** 0 only if all succeeded; still pending means that our own wait was over. */
function exitOfMany({ verdict }: AggregateView): ExitCode {
  if (verdict === 'pending') return EXIT.timedOut;
  return verdict === 'succeeded' ? EXIT.ok : EXIT.commandFailed;
}

async function childrenOf(client: Api, parent: string): Promise<Result<readonly CommandView[]>> {
  const commands: CommandView[] = [];
  for (let cursor: string | undefined; ;) {
    const query = { parent, limit: 100, cursor };
    const page: Result<PageView<CommandView>> = await client.get<PageView<CommandView>>('/v1/commands', { query });
    if (!page.ok) return page;
    commands.push(...page.value.items);
    cursor = page.value.next;
    if (cursor === undefined) break;
  }
  return ok(commands.sort((left, right) => (left.shadow < right.shadow ? -1 : 1)));
}
