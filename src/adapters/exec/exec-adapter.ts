import type { FieldPointer } from '../../core/brand.ts';
import type { JsonValue } from '../../core/json/json.ts';
import type { FieldValue } from '../../core/model/model.ts';
import type { FieldApplied, FieldReading, StateAdapter } from '../../ports/state-adapter.ts';
import type { Clock } from '../../ports/clock.ts';
import { parseJsonText } from '../../protocol/json-text.ts';
import type { ProgramRegister } from './program-register.ts';
import { failureOf } from './failure.ts';
import { runProgram, type Ended, type Run } from './run-program.ts';

export interface ExecOptions {
  readonly name: string;
  readonly field: FieldPointer;
  /** Program and arguments, started without a shell. Prints the value as JSON; prints nothing if there is none. */
  readonly read: readonly string[];
  /** Gets the value as JSON on its standard input. */
  readonly apply: readonly string[];
  readonly timeoutMs: number;
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly register: ProgramRegister;
}

/** Exit codes of an apply program (those of sysexits.h). Whatever is not listed failed and is tried again. */
export const EXIT_CODES: Readonly<Record<number, 'applied' | 'refused' | 'restart'>> = {
  0: 'applied',
  /** Accepted, takes effect at the next restart of the machine. */
  3: 'restart',
  /** EX_USAGE, EX_DATAERR, EX_NOPERM: this value will never do. */
  64: 'refused',
  65: 'refused',
  77: 'refused',
};

/** One field, driven by two programs: one that reads it and one that applies a value. */
export class ExecAdapter implements StateAdapter {
  readonly name: string;
  readonly fields: readonly FieldPointer[];
  readonly #options: ExecOptions;

  constructor(options: ExecOptions) {
    this.#options = options;
    this.name = options.name;
    this.fields = [options.field];
  }

  async read(signal: AbortSignal): Promise<readonly FieldReading[]> {
    const { field, read, register } = this.#options;
    // What an earlier life left running would change the value behind the reading.
    await register.cleared();
    const ended = await this.#run(read, { input: '', signal });
    if (ended.type === 'exited' && ended.code === 0) return [readingOf(field, ended.stdout)];
    return [{ field, unreadable: failureOf(ended) }];
  }

  async apply([change]: readonly FieldValue[], signal: AbortSignal): Promise<readonly FieldApplied[]> {
    if (change === undefined) return [];
    const { field, apply, register } = this.#options;
    await register.cleared();
    const ended = await this.#run(apply, { input: `${JSON.stringify(change.value)}\n`, signal, register });
    const meaning = ended.type === 'exited' ? EXIT_CODES[ended.code] : undefined;
    if (meaning === 'applied') return [{ field, result: 'applied' }];
    const { code, message } = failureOf(ended);
    if (meaning === 'restart') return [{ field, result: 'deferred', until: 'restart', message }];
    return [{ field, result: meaning ?? 'failed', code, message }];
  }

  #run(program: readonly string[], call: Pick<Run, 'input' | 'signal' | 'register'>): Promise<Ended> {
    const { timeoutMs, directory, clock, field, env } = this.#options;
    return runProgram({ program, timeoutMs, directory, clock, env: { ...env, SHADOWCTL_FIELD: field }, ...call });
  }
}

function readingOf(field: FieldPointer, stdout: string): FieldReading {
  const text = stdout.trim();
  if (text === '') return { field, value: null };
  const parsed = parseJsonText(text);
  if (parsed.ok) return { field, value: parsed.value satisfies JsonValue };
  return { field, unreadable: { code: 'not_json', message: `the program printed no JSON: ${parsed.problem.message}` } };
}
