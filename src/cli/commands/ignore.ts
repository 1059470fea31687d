import type { Command } from 'commander';
import { ok, type Result } from '../../core/result.ts';
import type { DriftPageView, IgnoreRuleView } from '../../http/views/drift.ts';
import type { PageView } from '../../http/views/parts.ts';
import { parseDuration } from '../arguments/duration.ts';
import { authorFrom, type AuthorOptions } from '../author.ts';
import { EXIT, parsedBy, type Cli, type ExitCode } from '../cli.ts';
import { clientFor, withLook, withServer, type ServerOptions } from '../http-client.ts';
import { table } from '../output/table.ts';
import { forTerminal } from '../output/terminal.ts';
import { ago } from '../output/words.ts';

interface AddOptions extends AuthorOptions {
  readonly shadow?: string;
  readonly expiresIn?: number;
}

/** Rules that leave drift out of the report, each with a reason and, better, an end. What they hide stays counted. */
export function define(command: Command, cli: Cli): void {
  const verb = (name: string, summary: string) => withServer(command.command(name).description(summary));
  command.addHelpText('after', HELP);

  verb('add', 'Leave drift of these things and fields out of the report.')
    .argument('<thing>', 'thing name, or its beginning and *')
    .argument('<field>', 'a field, or its beginning and *; "*" for all')
    .requiredOption('--reason <text>', 'why, for whoever reads the list of rules')
    .option('--shadow <name>', 'of this named shadow only')
    .option('--expires-in <duration>', 'the rule ends by itself', parsedBy(parseDuration))
    .option('--author <name>', 'who asks (SHADOWCTL_AUTHOR, else your user name)')
    .action(
      cli.action(async (thing: string, field: string, options: AddOptions) => {
        const client = clientFor(cli, options);
        if (!client.ok) return client;
        const { shadow: name, expiresIn } = options;
        const expiresAt = expiresIn === undefined ? undefined : new Date(Date.now() + expiresIn).toISOString();
        const body = { thing, field, name, expiresAt, ...authorFrom(cli, options) };
        const rule = await client.value.post<IgnoreRuleView>('/v1/drift/rules', body);
        if (!rule.ok) return withLook(rule, LOOK);
        if (cli.output.json) cli.output.dataJson(rule.value);
        else cli.output.data(ruleTable([rule.value], cli.output));
        return ok(EXIT.ok);
      }),
    );

  verb('list', 'The rules there are, and how much drift they leave out.').action(
    cli.action(async (options: ServerOptions): Promise<Result<ExitCode>> => {
      const client = clientFor(cli, options);
      if (!client.ok) return client;
      const rules = await client.value.get<PageView<IgnoreRuleView>>('/v1/drift/rules');
      if (!rules.ok) return rules;
      const drift = await client.value.get<DriftPageView>('/v1/drift', { query: { limit: 1 } });
      if (!drift.ok) return drift;
      const { items } = rules.value;
      if (cli.output.json) cli.output.dataJson(rules.value);
      else if (items.length > 0) cli.output.data(ruleTable(items, cli.output));
      cli.output.talk(summary(items, drift.value.counts?.ignored ?? 0));
      return ok(EXIT.ok);
    }),
  );

  verb('remove', 'End a rule: what it hid is in the report again.')
    .argument('<rule>', 'id of the rule, as listed')
    .action(
      cli.action(async (id: string, options: ServerOptions) => {
        const client = clientFor(cli, options);
        if (!client.ok) return client;
        const gone = await client.value.delete(`/v1/drift/rules/${encodeURIComponent(id)}`);
        if (gone.ok) cli.output.talk('removed');
        return gone.ok ? ok(EXIT.ok) : withLook(gone, LOOK);
      }),
    );
}

/** What is ignored and under no rule, models leave out by themselves. */
function summary(rules: readonly IgnoreRuleView[], ignored: number): string {
  const byRules = rules.reduce((sum, { hides }) => sum + hides, 0);
  const byModels = ignored > byRules ? `; models leave out: ${ignored - byRules} (drift --rule model)` : '';
  return `rules: ${rules.length}; differing fields they leave out: ${byRules}${byModels}`;
}

function ruleTable(rules: readonly IgnoreRuleView[], { color, width }: Cli['output']): string {
  return table({
    width,
    header: color.bold,
    columns: [
      { title: 'THINGS' },
      { title: 'SHADOW' },
      { title: 'FIELDS' },
      { title: 'HIDES' },
      { title: 'REASON', flexible: true, wrap: true },
      { title: 'BY' },
      { title: 'SINCE' },
      { title: 'ENDS' },
      { title: 'RULE', below: true },
    ],
    rows: rules.map(({ id, thing, shadowName, field, reason, by, createdAt, expiresAt, hides }) => [
      forTerminal(thing),
      shadowName === undefined ? 'any' : forTerminal(shadowName),
      forTerminal(field),
      String(hides),
      forTerminal(reason),
      forTerminal(by),
      ago(createdAt),
      expiresAt === undefined ? 'never' : forTerminal(expiresAt.slice(0, 16)),
      { text: forTerminal(id), paint: color.dim },
    ]),
  });
}

const LOOK = 'look with "shadowctl ignore list"';

const HELP = `
Examples:
  $ shadowctl ignore add 'attic-*' /targetC --reason 'heating is off until spring' --expires-in 90d
  $ shadowctl ignore list
  $ shadowctl drift --rule 019aa1b2-c3d4-7e5f-8a6b-0123456789ab
  $ shadowctl ignore remove 019aa1b2-c3d4-7e5f-8a6b-0123456789ab`;
