import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { EXIT, type Cli, type ExitCode } from '../cli.ts';
import { table } from '../output/table.ts';
import { forTerminal } from '../output/terminal.ts';

interface Shared {
  readonly simulator: string;
}

interface ClockOptions extends Shared {
  readonly set?: string;
  readonly advance?: number;
}

interface FaultOptions extends Shared {
  readonly file?: string;
  readonly seed?: string;
  readonly clear?: boolean;
  readonly record?: boolean;
  readonly thing?: string;
  readonly shadow?: string;
  readonly message?: string;
  readonly topic?: string;
  readonly delayMs?: number;
  readonly code?: number;
  readonly times?: number;
  readonly drop?: number;
  readonly duplicate?: number;
  readonly delay?: number;
  readonly reorder?: number;
  readonly disconnect?: number;
  readonly reject?: number;
  readonly throttle?: number;
}

const KINDS = ['drop', 'duplicate', 'delay', 'reorder', 'disconnect', 'reject', 'throttle'] as const;

/** The verbs that look into a running local cloud and bend it, over its control API. */
export function defineControl(command: Command, cli: Cli): void {
  const verb = (name: string, summary: string) =>
    command
      .command(name)
      .summary(summary)
      .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
      .option('--simulator <url>', 'where it runs', 'http://127.0.0.1:8081')
      // Who starts it with --http looks into it with --http.
      .hook('preAction', (_, asked) => {
        const given =
          command.getOptionValueSource('http') === 'cli' && asked.getOptionValueSource('simulator') !== 'cli';
        if (given) asked.setOptionValue('simulator', `http://${command.getOptionValue('http') as string}`);
      });

  verb('list', 'the shadows, their versions and sizes').action(
    cli.action(async (options: Shared) => list(options, cli)),
  );
  verb('dump', 'every shadow as JSON, tombstones included')
    .argument('[file]', 'instead of stdout')
    .action(cli.action(async (file: string | undefined, options: Shared) => dump(file, options, cli)));
  verb('load', 'shadows from a dump')
    .argument('<file>')
    .action(cli.action(async (file: string, options: Shared) => load(file, options, cli)));
  verb('reset', 'forget shadows, faults and the clock setting').action(
    cli.action(async (options: Shared) => settled(await ask('POST', 'reset', options), cli, () => 'empty')),
  );
  verb('clock', 'show or set service time')
    .option('--set <instant>', 'ISO 8601, such as 2027-01-01T00:00:00Z')
    .option('--advance <ms>', 'milliseconds forward', Number)
    .action(cli.action(async (options: ClockOptions) => clock(options, cli)));
  verb('cut', "end a client's connection without a goodbye")
    .argument('<clientId>')
    .action(
      cli.action(async (clientId: string, options: Shared) =>
        settled(await ask('POST', 'cut', options, { clientId }), cli, () => `cut ${clientId}`),
      ),
    );
  const faults = verb('faults', 'show, set or clear what goes wrong on purpose')
    .option('--file <file>', 'rules from a JSON file')
    .option('--clear', 'no more faults')
    .option('--record', 'what went wrong so far')
    .option('--seed <seed>', 'the same seed draws the same faults', '0')
    .option('--thing <name>', 'only on this thing')
    .option('--shadow <name>', 'only on this shadow; "" for the classic one')
    .option('--message <kind>', 'only on update, update/delta, get/accepted, …')
    .option('--topic <filter>', 'an MQTT filter instead')
    .option('--times <n>', 'at most so often per topic', Number)
    .option('--delay-ms <ms>', 'for --delay and --reorder', Number)
    .option('--code <code>', 'for --reject', Number);
  for (const kind of KINDS) faults.option(`--${kind} <probability>`, `${kind}, 0 to 1`, Number);
  faults.action(cli.action(async (options: FaultOptions) => setFaults(options, cli)));
}

async function list(options: Shared, cli: Cli): Promise<Result<ExitCode>> {
  const answer = await ask<{ shadows: { key: string; version: number; bytes: number; converged: boolean }[] }>(
    'GET',
    'shadows',
    options,
  );
  return settled(answer, cli, ({ shadows }) =>
    table({
      columns: [
        { title: 'SHADOW', flexible: true },
        { title: 'VERSION', align: 'right' },
        { title: 'BYTES', align: 'right' },
        { title: 'STATE' },
      ],
      rows: shadows.map(({ key, version, bytes, converged }) => [
        forTerminal(key),
        `${version}`,
        `${bytes}`,
        converged ? 'converged' : 'differs',
      ]),
      width: cli.output.width,
    }),
  );
}

async function dump(file: string | undefined, options: Shared, cli: Cli): Promise<Result<ExitCode>> {
  const answer = await ask<unknown[]>('GET', 'dump', options);
  if (!answer.ok) return answer;
  if (file === undefined) {
    cli.output.dataJson(answer.value);
    return ok(EXIT.ok);
  }
  try {
    await writeFile(file, `${JSON.stringify(answer.value, null, 2)}\n`);
  } catch (cause) {
    return fail(problem('invalid_config', 'the file cannot be written', { at: file, cause }));
  }
  cli.output.talk(`${answer.value.length} shadows in ${file}`);
  return ok(EXIT.ok);
}

async function load(file: string, options: Shared, cli: Cli): Promise<Result<ExitCode>> {
  const input = await jsonFile(file);
  if (!input.ok) return input;
  const answer = await ask<{ loaded: number }>('POST', 'load', options, input.value);
  return settled(answer, cli, ({ loaded }) => `${loaded} shadows loaded`);
}

async function clock(options: ClockOptions, cli: Cli): Promise<Result<ExitCode>> {
  const { set, advance } = options;
  if (set !== undefined && advance !== undefined) {
    return fail(problem('invalid_usage', '--set and --advance exclude each other'));
  }
  const body = set !== undefined ? { at: set } : advance !== undefined ? { advanceMs: advance } : undefined;
  const answer = await ask<{ iso: string }>(body === undefined ? 'GET' : 'PUT', 'clock', options, body);
  return settled(answer, cli, ({ iso }) => iso);
}

async function setFaults(options: FaultOptions, cli: Cli): Promise<Result<ExitCode>> {
  if (options.record === true)
    return settled(await ask('GET', 'faults/record', options), cli, (record) => pretty(record));
  const wanted = KINDS.filter((kind) => options[kind] !== undefined);
  let rules: unknown;
  if (options.clear === true) rules = [];
  else if (options.file !== undefined) {
    const input = await jsonFile(options.file);
    if (!input.ok) return input;
    rules = input.value;
  } else if (wanted.length > 0) {
    rules = wanted.map((kind) => ruleFrom(kind, options));
  }
  const answer =
    rules === undefined
      ? await ask('GET', 'faults', options)
      : await ask('PUT', 'faults', options, { seed: options.seed, rules });
  return settled(answer, cli, (plan) => pretty(plan));
}

function ruleFrom(kind: (typeof KINDS)[number], options: FaultOptions): Record<string, unknown> {
  const { thing, shadow, message, topic, times, delayMs, code } = options;
  const optional = { thing, shadow, message, topic, times, delayMs, code };
  const given = Object.entries(optional).filter(([, value]) => value !== undefined);
  return { kind, probability: options[kind], ...Object.fromEntries(given) };
}

function pretty(value: unknown): string {
  return forTerminal(JSON.stringify(value));
}

function settled<T>(answer: Result<T>, cli: Cli, text: (value: T) => string): Result<ExitCode> {
  if (!answer.ok) return answer;
  if (cli.output.json) cli.output.dataJson(answer.value);
  else cli.output.data(text(answer.value));
  return ok(EXIT.ok);
}

async function ask<T>(method: string, path: string, { simulator }: Shared, body?: unknown): Promise<Result<T>> {
  if (!URL.canParse(`/simulator/${path}`, simulator)) {
    return fail(problem('invalid_usage', 'an address looks like http://127.0.0.1:8081', { at: simulator }));
  }
  let response: Response;
  try {
    response = await fetch(new URL(`/simulator/${path}`, simulator), {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (cause) {
    const message = 'no local cloud answers there';
    return fail(problem('server_unreachable', message, { at: simulator, cause }));
  }
  const answer = (await response.json().catch(() => undefined)) as (T & { message?: string }) | undefined;
  if (response.ok && answer !== undefined) return ok(answer);
  const code =
    response.status === 404 ? 'not_found' : response.status >= 500 ? 'server_unreachable' : 'invalid_request';
  return fail(problem(code, answer?.message ?? `no local cloud: it answered ${response.status}`, { at: simulator }));
}

async function jsonFile(path: string): Promise<Result<unknown>> {
  try {
    return ok(JSON.parse(await readFile(path, 'utf8')) as unknown);
  } catch (cause) {
    return fail(problem('invalid_config', 'the file cannot be read as JSON', { at: path, cause }));
  }
}
