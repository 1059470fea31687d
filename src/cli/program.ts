import { Command, CommanderError } from 'commander';
import { PROBLEMS, problem, type Problem } from '../core/problem.ts';
import { EXIT, UsageError, type Cli, type ExitCode } from './cli.ts';
import { VERBS } from './commands.ts';
import { createOutput, type Output } from './output/output.ts';
import { announceReady, watchForStop, type Stop } from './stop.ts';
import { version } from './version.ts';

/**
 * The program around the verbs: one root command, the verb's own module loaded on demand, every failure printed as one
 * line with its code, and one explicit exit at the end (a live MQTT connection would keep the process alive otherwise).
 */
export async function run(process: NodeJS.Process): Promise<void> {
  const argv = process.argv.slice(2);
  const verb = VERBS.find(({ name }) => name === wantedVerb(argv))?.name;
  const output = createOutput({ stdout: process.stdout, stderr: process.stderr, env: process.env, argv, verb });
  const stop = watchForStop(process);
  // `shadowctl commands | head` closes our stdout early; that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 7));
  let exitCode = 0;
  const setExitCode = (code: number) => void (exitCode = code);
  try {
    const program = await createProgram({ argv, output, stop, env: process.env, setExitCode });
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    exitCode = report(error, output);
  }
  await flushed(process.stdout);
  await flushed(process.stderr);
  process.exit(stop.reason() === 'interrupt' ? 130 : exitCode);
}

interface ProgramParts {
  readonly argv: readonly string[];
  readonly output: Output;
  readonly stop: Stop;
  readonly env: NodeJS.ProcessEnv;
  readonly setExitCode: (code: number) => void;
}

async function createProgram({ argv, output, stop, env, setExitCode }: ProgramParts): Promise<Command> {
  const cli: Cli = {
    output,
    env,
    signal: stop.signal,
    untilStopped: () => stop.stopped,
    action:
      (work) =>
      async (...args) => {
        const result = await work(...args);
        if (!result.ok) output.problem(result.problem);
        setExitCode(result.ok ? result.value : PROBLEMS[result.problem.code].exit);
      },
    ready: (facts) => announceReady(facts, output),
  };
  const program = new Command('shadowctl')
    .description('Device shadow reconciliation for AWS IoT: a command is done when the device shows that it did it.')
    .usage('VERB [options]')
    .version(version(), '-V, --version', 'print the version')
    .option('--json', 'data and problems as JSON')
    .option('--no-color', 'no colours (as NO_COLOR)')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [verb]', 'print the help of a verb')
    .configureHelp({ showGlobalOptions: true, styleTitle: (title) => output.color.bold(title) })
    .configureOutput({ writeOut: (text) => output.data(text.trimEnd()), outputError: () => undefined })
    .addHelpText('after', () => ROOT_HELP)
    .exitOverride()
    .showSuggestionAfterError();
  const wanted = wantedVerb(argv);
  for (const { name, summary, group, load } of VERBS) {
    const command = program.command(name).summary(summary).description(sentence(summary)).helpGroup(`${group}:`);
    if (name === wanted) (await load()).define(command, cli);
  }
  return program;
}

/** The verb whose module is needed: the first word, or the one after `help`. */
function wantedVerb(argv: readonly string[]): string | undefined {
  const words = argv.filter((word) => !word.startsWith('-'));
  return words[0] === 'help' ? words[1] : words[0];
}

function report(error: unknown, output: Output): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage; // no verb: the help was printed
  const found = problemFrom(error);
  output.problem(found);
  return PROBLEMS[found.code].exit satisfies ExitCode;
}

function problemFrom(error: unknown): Problem {
  if (error instanceof UsageError) return error.problem;
  if (error instanceof CommanderError) return problem('invalid_usage', usageMessage(error.message));
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return problem('internal', `this is a mistake of shadowctl itself, please report it: ${what}`, { cause: error });
}

/** "error: unknown option '--wiat'\n(Did you mean --wait?)" becomes one line without the prefix. */
function usageMessage(message: string): string {
  return message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

/** Kept beside EXIT in `cli.ts`: people script against these. */
const ROOT_HELP = `
Examples:
  $ shadowctl demo --once                                  see every verdict once
  $ shadowctl set room-heater /targetC=21.5 --wait         write, and wait for the device's word
  $ shadowctl commands --thing room-heater                 what became of it, and of those before
  $ shadowctl drift                                        what differs, since when, and why

Environment:
  SHADOWCTL_SERVER   the server the verbs talk to (default http://127.0.0.1:8080)
  SHADOWCTL_TOKEN    the API key or token that it asks for; SHADOWCTL_TOKEN_FILE names a file that holds it
  NO_COLOR           no colours

Exit codes:
  0 ok   1 differs, or the condition is false   2 usage or configuration   3 not allowed   4 not found
  5 conflict or superseded   6 the command failed or was cancelled   7 unreachable
  124 timed out, expired, or the wait was over   130 interrupted`;
