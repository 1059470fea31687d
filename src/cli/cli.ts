import type { Command } from 'commander';
import type { Problem } from '../core/problem.ts';
import type { Result } from '../core/result.ts';
import type { Output } from './output/output.ts';

/**
 * What every verb of the program gets. A verb lives in `commands/NAME.ts`, exports `define` and is loaded only when it is
 * asked for, so that `shadowctl --help` loads neither MQTT nor a store.
 */
export interface CommandModule {
  /** Adds arguments, options, help text and the action to `command`, which already has its name and summary. */
  define(command: Command, cli: Cli): void;
}

export interface Cli {
  readonly output: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Aborted at the first Ctrl-C or SIGTERM, or when the process that started this one as its part is gone: stop in order
   * and return. A second Ctrl-C ends the process at once.
   */
  readonly signal: AbortSignal;
  /** Settles when `signal` aborts; for verbs that run until they are told to stop. */
  untilStopped(): Promise<void>;
  /**
   * Wraps a verb's work for `command.action(…)`: prints the problem and sets its exit code, or exits with the code given.
   * After Ctrl-C the exit code is 130, whatever the work returned; after SIGTERM it is what the work returned.
   */
  action<A extends unknown[]>(work: (...args: A) => Promise<Result<ExitCode>>): (...args: A) => Promise<void>;
  /**
   * Says that a long-running verb is up, with what others need to reach it (`{ mqtt: 'mqtt://127.0.0.1:1883' }`): one line
   * on stderr, or a JSON line with `--json`; and a message to the process that started this one as its part.
   */
  ready(facts: Readonly<Record<string, string | number>>): void;
}

/** DESIGN.md section 6. */
export const EXIT = {
  ok: 0,
  differs: 1,
  usage: 2,
  forbidden: 3,
  notFound: 4,
  conflict: 5,
  commandFailed: 6,
  unreachable: 7,
  timedOut: 124,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What an option's parser throws; commander has no other way out of one. The program prints it as any problem. */
export class UsageError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** Turns a parser that returns a `Result` into one for `command.option(…, parser)`. */
export function parsedBy<T>(parse: (text: string) => Result<T>): (text: string) => T {
  return (text) => {
    const parsed = parse(text);
    if (!parsed.ok) throw new UsageError(parsed.problem);
    return parsed.value;
  };
}
