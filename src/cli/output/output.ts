import { createColors } from 'picocolors';
import { PROBLEMS, type Problem } from '../../core/problem.ts';
import { adviceOf } from './advice.ts';
import { forTerminal, jsonForTerminal } from './terminal.ts';

type Colors = ReturnType<typeof createColors>;

/**
 * Where a verb writes: data to stdout, talk to stderr, so that pipes carry data only. Colours are decided per stream
 * (NO_COLOR, FORCE_COLOR, TERM=dumb, --no-color, no terminal).
 */
export interface Output {
  /** True with `--json`: data is JSON, talk is left out unless it is a problem. */
  readonly json: boolean;
  /** Columns of stdout; `Infinity` when it is no terminal. */
  readonly width: number;
  readonly color: Colors;
  readonly talkColor: Colors;
  readonly interactive: boolean;
  /** Text or a table for people. Device- and user-supplied parts went through `forTerminal`. */
  data(text: string): void;
  /** One JSON value: indented on a terminal, one line elsewhere. */
  dataJson(value: unknown): void;
  talk(text: string): void;
  problem(problem: Problem): void;
}

export interface Streams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

export function createOutput({
  stdout,
  stderr,
  env,
  argv,
  verb,
}: Streams & {
  env: Readonly<Record<string, string | undefined>>;
  argv: readonly string[];
  verb: string | undefined;
}): Output {
  const flags = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const json = flags.includes('--json');
  const paints = (stream: NodeJS.WriteStream): boolean => {
    if (flags.includes('--no-color') || isSet(env['NO_COLOR'])) return false;
    if (isSet(env['FORCE_COLOR'])) return env['FORCE_COLOR'] !== '0';
    return stream.isTTY === true && env['TERM'] !== 'dumb';
  };
  const color = createColors(paints(stdout));
  const talkColor = createColors(paints(stderr));
  return {
    json,
    width: stdout.isTTY ? (stdout.columns ?? 80) : Infinity,
    color,
    talkColor,
    interactive: stderr.isTTY === true,
    data: (text) => void stdout.write(`${text}\n`),
    dataJson: (value) => void stdout.write(`${jsonForTerminal(value, stdout.isTTY ? 2 : undefined)}\n`),
    talk: (text) => {
      if (!json) stderr.write(`${text}\n`);
    },
    problem: (problem) =>
      void stderr.write(
        `${json ? jsonForTerminal({ problem: problemAsData(problem, verb) }) : line(problem, talkColor, verb)}\n`,
      ),
  };
}

/** One line: what went wrong, where, its stable code, and what to do. */
function line(problem: Problem, color: Colors, verb: string | undefined): string {
  const advice = adviceOf(problem, verb);
  const at =
    problem.at === undefined || (problem.at.length > 3 && problem.message.includes(problem.at))
      ? ''
      : ` (${forTerminal(problem.at)})`;
  const what = `${forTerminal(problem.message)}${at}`;
  return `${color.red('shadowctl:')} ${what} ${color.dim(`[${problem.code}]`)}${advice === undefined ? '' : ` ${color.cyan('→')} ${advice}`}`;
}

function problemAsData(problem: Problem, verb: string | undefined) {
  const { retry, exit } = PROBLEMS[problem.code];
  const advice = adviceOf(problem, verb);
  return {
    code: problem.code,
    message: problem.message,
    ...(problem.at === undefined ? {} : { at: problem.at }),
    retry,
    exitCode: exit,
    ...(advice === undefined ? {} : { advice }),
  };
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
