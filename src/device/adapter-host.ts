import { monotonicMs, type FieldPointer } from '../core/brand.ts';
import type { JsonValue } from '../core/json/json.ts';
import { keysOf } from '../core/json/json-pointer.ts';
import type { FieldValue } from '../core/model/model.ts';
import type { FieldApplied } from '../core/reconcile/answers.ts';
import { tidyCode, tidyMessage } from '../core/reconcile/field-state.ts';
import type { Busy, Reading } from '../core/reconcile/judge-field.ts';
import type { ReconcileLimits } from '../core/reconcile/limits.ts';
import { unfit } from '../core/reconcile/unfit.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { FieldReading, StateAdapter } from '../ports/state-adapter.ts';

export interface HostOptions {
  readonly adapter: StateAdapter;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: ReconcileLimits;
  /** A call finished after everybody had stopped waiting for it. */
  readonly onLateEnd: () => void;
}

/**
 * The bulkhead around one state adapter: whatever it does, its callers get an answer for exactly the fields they asked
 * about, in time. One apply at a time; a call that ignores its abort keeps its fields busy until it really ends, so
 * that it can never finish after a newer one (I2).
 */
export class AdapterHost {
  readonly #options: HostOptions;
  #reading = false;
  /** What a slow reading brought after its pass had gone on without it. */
  #late: [FieldPointer, Reading][] | undefined;
  #call: { readonly fields: readonly FieldPointer[]; overdue: boolean } | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  get adapter(): StateAdapter {
    return this.#options.adapter;
  }

  /** What the unfinished call means for each field of this adapter. */
  busy(): readonly [FieldPointer, Busy][] {
    const call = this.#call;
    if (call === undefined) return FREE;
    return this.adapter.fields.map((field) => {
      if (!call.fields.includes(field)) return [field, 'elsewhere'];
      return [field, call.overdue ? 'overdue' : 'applying'];
    });
  }

  /**
   * A reading for every field of the adapter. With `patienceMs` a slow one is unreadable for now; when it ends, somebody
   * is told to ask again and gets it. Never rejects.
   */
  read(patienceMs?: number): Promise<readonly [FieldPointer, Reading][]> {
    const late = this.#late;
    this.#late = undefined;
    if (late !== undefined) return Promise.resolve(late);
    if (this.#reading) {
      return Promise.resolve(this.#unreadable('adapter_timeout', 'the last reading has not ended yet'));
    }
    const { adapter, limits, onLateEnd } = this.#options;
    return new Promise((resolve) => {
      let slow = false;
      this.#reading = true;
      this.#guard({
        run: (signal) => adapter.read(signal),
        timeoutMs: limits.readTimeoutMs,
        patienceMs,
        onSlow: () => {
          slow = true;
          resolve(this.#unreadable('adapter_slow', `the adapter takes longer than ${patienceMs} ms to read`));
        },
        onEnd: () => void (this.#reading = false),
        onOutcome: (outcome) => {
          const readings = this.#readingsOf(outcome);
          if (!slow) return resolve(readings);
          this.#late = readings;
          onLateEnd();
        },
      });
    });
  }

  #readingsOf(outcome: Outcome<readonly FieldReading[]>): [FieldPointer, Reading][] {
    if (outcome.type === 'timeout') return this.#unreadable('adapter_timeout', 'the adapter did not answer in time');
    if (outcome.type === 'threw') return this.#unreadable('adapter_failed', outcome.message);
    return this.#readings(outcome.value);
  }

  /** A result for every change. Settles with the adapter or with the time-out, whichever comes first; never rejects. */
  apply(changes: readonly FieldValue[]): Promise<readonly FieldApplied[]> {
    const { adapter } = this.#options;
    return this.#change(changes, (frozen, signal) => adapter.apply(frozen, signal));
  }

  /** Puts earlier values back, with the adapter's own `undo` where it has one. */
  undo(previous: readonly FieldValue[]): Promise<readonly FieldApplied[]> {
    const { adapter } = this.#options;
    return this.#change(previous, (frozen, signal) => (adapter.undo ?? adapter.apply).call(adapter, frozen, signal));
  }

  #change(
    changes: readonly FieldValue[],
    call: (changes: readonly FieldValue[], signal: AbortSignal) => Promise<readonly FieldApplied[]>,
  ): Promise<readonly FieldApplied[]> {
    const fields = changes.map(({ field }) => field);
    const current = { fields, overdue: false };
    this.#call = current;
    const frozen = deepFreeze(changes.map(({ field, value }) => ({ field, value })));
    const { limits, onLateEnd } = this.#options;
    return new Promise((resolve) => {
      this.#guard({
        run: (signal) => call(frozen, signal),
        timeoutMs: limits.applyTimeoutMs,
        onEnd: () => {
          if (this.#call === current) this.#call = undefined;
          if (current.overdue) onLateEnd();
        },
        onOutcome: (outcome) => {
          current.overdue = outcome.type === 'timeout';
          resolve(this.#resultsOf(fields, outcome));
        },
      });
    });
  }

  #resultsOf(fields: readonly FieldPointer[], outcome: Outcome<readonly FieldApplied[]>): readonly FieldApplied[] {
    switch (outcome.type) {
      case 'timeout': {
        const message = `the adapter did not finish within ${this.#options.limits.applyTimeoutMs} ms`;
        return fields.map((field) => ({ field, result: 'failed', code: 'adapter_timeout', message }));
      }
      case 'threw':
        return fields.map((field) => ({ field, result: 'failed', code: 'adapter_failed', message: outcome.message }));
      case 'done':
        return this.#results(fields, outcome.value);
    }
  }

  /**
   * Runs foreign code with a time-out and an abort signal; exceptions of any kind become data. Calls back instead of
   * giving promises: every read and every apply passes here, and each turn of the queue of microtasks delays the report.
   */
  #guard<T>({ run, timeoutMs, patienceMs, onSlow, onEnd, onOutcome }: Guarded<T>): void {
    const { clock, log, adapter } = this.#options;
    const controller = new AbortController();
    const startedAt = clock.monotonic();
    let cancel: Cancel;
    let open = true;
    const settle = (outcome: Outcome<T>): void => {
      if (!open) return;
      open = false;
      cancel();
      onOutcome(outcome);
    };
    const timeOutLater = (): Cancel =>
      clock.at(monotonicMs(startedAt + timeoutMs), () => {
        log.warn({ adapter: adapter.name, timeoutMs }, 'a state adapter did not finish in time');
        controller.abort();
        settle({ type: 'timeout' });
      });
    // One timer at a time: hardly anybody needs the second.
    const slowFirst = patienceMs !== undefined && patienceMs < timeoutMs;
    cancel = slowFirst
      ? clock.at(monotonicMs(startedAt + patienceMs), () => {
          cancel = timeOutLater();
          onSlow?.();
        })
      : timeOutLater();
    const threw = (cause: unknown): void => {
      onEnd();
      const message = cause instanceof Error ? cause.message : String(cause);
      log.warn({ adapter: adapter.name, error: message }, 'a state adapter threw');
      settle({ type: 'threw', message: tidyMessage(message) });
    };
    started(run, controller.signal).then((value) => {
      onEnd();
      settle({ type: 'done', value });
    }, threw);
  }

  #unreadable(code: string, message: string): [FieldPointer, Reading][] {
    return this.adapter.fields.map((field) => [field, { unreadable: { code, message } }]);
  }

  #readings(answer: readonly FieldReading[]): [FieldPointer, Reading][] {
    const answers = Array.isArray(answer) ? (answer as readonly FieldReading[]) : [];
    const { fields } = this.adapter;
    // Most adapters answer field by field in their order.
    const inOrder = answers.length === fields.length && fields.every((field, at) => answers[at]?.field === field);
    const byField = inOrder ? undefined : new Map(answers.map((reading) => [reading?.field, reading] as const));
    return fields.map((field, at) => {
      const reading = byField === undefined ? answers[at] : byField.get(field);
      return [field, reading === undefined ? NOT_READ : tidyReading(reading, keysOf(field).length)];
    });
  }

  /** An answer for each field that was asked about. Silence counts as done: the read-back decides. */
  #results(fields: readonly FieldPointer[], answer: readonly FieldApplied[]): readonly FieldApplied[] {
    const answers = Array.isArray(answer) ? (answer as readonly FieldApplied[]) : [];
    return fields.map((field) =>
      tidyApplied(answers.find((one) => one?.field === field) ?? { field, result: 'applied' }),
    );
  }
}

const NOT_READ: Reading = { unreadable: { code: 'not_read', message: 'the adapter left this field out' } };
const FREE: readonly [FieldPointer, Busy][] = [];

type Outcome<T> =
  | { readonly type: 'done'; readonly value: T }
  | { readonly type: 'threw'; readonly message: string }
  | { readonly type: 'timeout' };

interface Guarded<T> {
  readonly run: (signal: AbortSignal) => Promise<T>;
  readonly timeoutMs: number;
  readonly patienceMs?: number | undefined;
  readonly onSlow?: () => void;
  /** The call has really ended, perhaps after its time. */
  readonly onEnd: () => void;
  /** Once, at the end of the call or of its time. */
  readonly onOutcome: (outcome: Outcome<T>) => void;
}

/** Adapters may be plain JavaScript: what they throw and what is no promise is taken as well. */
function started<T>(run: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return Promise.resolve(run(signal));
  } catch (cause) {
    return Promise.reject(cause instanceof Error ? cause : new Error(String(cause)));
  }
}

/** As readers of the reconciler's member accept it. */
const BY_CHARACTERS_MAX = 64;

function tidyReading(reading: FieldReading, depth: number): Reading {
  if ('unreadable' in reading) {
    const { code, message } = reading.unreadable;
    return { unreadable: { code: tidyCode(String(code)), message: tidyMessage(String(message)) } };
  }
  const reason = unfit(reading.value, depth);
  if (reason !== undefined) return { unreadable: { code: 'not_json', message: `the adapter read ${reason}` } };
  return {
    value: reading.value,
    ...(reading.by === undefined ? {} : { by: tidyMessage(String(reading.by), BY_CHARACTERS_MAX) }),
  };
}

function tidyApplied(answer: FieldApplied): FieldApplied {
  const { field } = answer;
  switch (answer.result) {
    case 'applied':
      return answer;
    case 'deferred':
      return { ...answer, until: answer.until === 'restart' ? 'restart' : 'window' };
    case 'refused':
    case 'failed':
      return { field, result: answer.result, code: String(answer.code), message: String(answer.message) };
    default:
      return { field, result: 'failed', code: 'adapter_failed', message: 'the adapter gave an answer that is none' };
  }
}

/** C14: an adapter that writes into what it was given must not change what we know. */
function deepFreeze<T extends readonly FieldValue[]>(changes: T): T {
  const freeze = (value: JsonValue): void => {
    if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
    Object.freeze(value);
    for (const child of Object.values(value)) freeze(child as JsonValue);
  };
  for (const change of changes) {
    freeze(change.value);
    Object.freeze(change);
  }
  return Object.freeze(changes);
}
