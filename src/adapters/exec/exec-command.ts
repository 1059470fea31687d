import { isJsonObject, member, type JsonObject, type JsonValue } from '../../core/json/json.ts';
import { RESULT_BYTES_MAX, type DirectProgress } from '../../core/direct/messages.ts';
import { monotonicMs } from '../../core/brand.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import { parseJsonText } from '../../protocol/json-text.ts';
import { failureOf } from './failure.ts';
import type { ProgramRegister } from './program-register.ts';
import { runProgram } from './run-program.ts';

export interface ExecCommandOptions {
  /** Program and arguments, started without a shell. */
  readonly program: readonly string[];
  readonly timeoutMs: number;
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly register: ProgramRegister;
}

/** The part of a command's call that a program sees. */
export interface ExecCall {
  readonly id: string;
  readonly name: string;
  readonly args: JsonObject;
  readonly again: boolean;
  readonly signal: AbortSignal;
  readonly progress: (progress: DirectProgress) => void;
}

export type ExecAnswer =
  | { readonly result?: JsonValue }
  | { readonly failed: { readonly code: string; readonly message: string } }
  | { readonly rejected: { readonly code: string; readonly message: string } };

/** EX_USAGE, EX_DATAERR, EX_NOPERM: the program looked and did nothing. */
const REJECTED: readonly number[] = [64, 65, 77];
/** The result and what may have been said before it. */
const OUTPUT_CHARACTERS_MAX = 2 * RESULT_BYTES_MAX;
/** A program that goes on for so long after a line meant it as progress. */
const HELD_MS = 1_000;

/**
 * A direct command carried out by a program. It gets the arguments as a line of JSON on its standard input; what it prints
 * is progress, line by line, and the last line is the result. Its exit code is the verdict. An abort ends its whole group.
 */
export function execCommand(options: ExecCommandOptions): (call: ExecCall) => Promise<ExecAnswer> {
  return async ({ id, name, args, again, signal, progress }) => {
    const { program, timeoutMs, directory, clock, register } = options;
    await register.cleared();
    const lines = new Lines(clock, (line) => progress(progressOf(line)));
    const ended = await runProgram({
      program,
      input: `${JSON.stringify(args)}\n`,
      timeoutMs,
      directory,
      clock,
      signal,
      register,
      env: { ...options.env, SHADOWCTL_COMMAND: name, SHADOWCTL_COMMAND_ID: id, SHADOWCTL_AGAIN: again ? '1' : '' },
      onOutput: (text) => lines.add(text),
    });
    lines.end();
    if (ended.type === 'exited' && ended.code === 0) {
      return lines.last === undefined ? {} : { result: resultOf(lines.last) };
    }
    const failure = failureOf(ended);
    return ended.type === 'exited' && REJECTED.includes(ended.code) ? { rejected: failure } : { failed: failure };
  };
}

/** Lines as they become whole. The newest one is held back for a while: it may be the last, and then it is no progress. */
class Lines {
  readonly #clock: Clock;
  readonly #onLine: (line: string) => void;
  #held: { readonly line: string; told: boolean } | undefined;
  #waiting: Cancel | undefined;
  #rest = '';

  constructor(clock: Clock, onLine: (line: string) => void) {
    this.#clock = clock;
    this.#onLine = onLine;
  }

  /** The last line that says something. */
  get last(): string | undefined {
    return this.#held?.line;
  }

  add(text: string): void {
    const parts = (this.#rest + text).split('\n');
    // What does not end is cut at the front: a result that large is refused anyway.
    this.#rest = (parts.pop() ?? '').slice(-OUTPUT_CHARACTERS_MAX);
    for (const line of parts) this.#take(line);
  }

  /** Nothing more comes. */
  end(): void {
    this.#take(this.#rest);
    this.#rest = '';
    this.#waiting?.();
  }

  #take(line: string): void {
    if (line.trim() === '') return;
    this.#waiting?.();
    this.#tell();
    this.#held = { line, told: false };
    this.#waiting = this.#clock.at(monotonicMs(this.#clock.monotonic() + HELD_MS), () => this.#tell());
  }

  #tell(): void {
    if (this.#held === undefined || this.#held.told) return;
    this.#held.told = true;
    this.#onLine(this.#held.line);
  }
}

function resultOf(line: string): JsonValue {
  const parsed = parseJsonText(line);
  return parsed.ok ? parsed.value : line.trim();
}

/** `{"percent":40,"code":"…","text":"…"}`, or any other line as text. */
function progressOf(line: string): DirectProgress {
  const parsed = parseJsonText(line);
  if (!parsed.ok || !isJsonObject(parsed.value)) return { text: line.trim() };
  const [percent, code, text] = ['percent', 'code', 'text'].map((key) => member(parsed.value as JsonObject, key));
  const known = {
    ...(typeof percent === 'number' ? { percent } : {}),
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof text === 'string' ? { text } : {}),
  };
  return Object.keys(known).length === 0 ? { text: line.trim() } : known;
}
