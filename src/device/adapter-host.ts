import { monotonicMs, type FieldPointer } from '../core/brand.ts';
import type { JsonValue } from '../core/json/json.ts';
import { keysOf } from '../core/json/json-pointer.ts';
import type { FieldValue } from '../core/model/model.ts';
import type { FieldApplied } from '../core/reconcile/answers.ts';
import { tidyCode, tidyMessage } from '../core/reconcile/field-state.ts';
import type { Busy, Reading } from '../core/reconcile/judge-field.ts';
import type { ReconcileLimits } from '../core/reconcile/limits.ts';
import { unfit } from '../core/reconcile/unfit.ts';
import type { Clock } from '../ports/clock.ts';
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
  #reading: Promise<unknown> | undefined;
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
  busy(): [FieldPointer, Busy][] {
    const call = this.#call;
    if (call === undefined) return [];
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
    if (this.#reading !== undefined) {
      return Promise.resolve(this.#unreadable('adapter_timeout', 'the last reading has not ended yet'));
    }
    if (patienceMs === undefined) return this.#readToTheEnd();
    const { clock, onLateEnd } = this.#options;
    return new Promise((resolve) => {
      let slow = false;
      const cancel = clock.at(monotonicMs(clock.monotonic() + patienceMs), () => {
        slow = true;
        resolve(this.#unreadable('adapter_slow', `the adapter takes longer than ${patienceMs} ms to read`));
      });
      void this.#readToTheEnd().then((readings) => {
        cancel();
        if (!slow) return resolve(readings);
        this.#late = readings;
        onLateEnd();
      });
    });
  }

  async #readToTheEnd(): Promise<[FieldPointer, Reading][]> {
    const { adapter, limits } = this.#options;
    const outcome = await this.#guarded(
      (signal) => adapter.read(signal),
      limits.readTimeoutMs,
      (reading) => {
        this.#reading = reading;
        const ended = (): void => void (this.#reading = undefined);
        reading.then(ended, ended);
      },
    );
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

  async #change(
    changes: readonly FieldValue[],
    call: (changes: readonly FieldValue[], signal: AbortSignal) => Promise<readonly FieldApplied[]>,
  ): Promise<readonly FieldApplied[]> {
    const fields = changes.map(({ field }) => field);
    const current = { fields, overdue: false };
    this.#call = current;
    const frozen = deepFreeze(changes.map(({ field, value }) => ({ field, value })));
    const outcome = await this.#guarded(
      (signal) => call(frozen, signal),
      this.#options.limits.applyTimeoutMs,
      (running) => {
        const ended = (): void => {
          if (this.#call === current) this.#call = undefined;
          if (current.overdue) this.#options.onLateEnd();
        };
        running.then(ended, ended);
      },
      () => void (current.overdue = true),
    );
    if (outcome.type === 'timeout') {
      const message = `the adapter did not finish within ${this.#options.limits.applyTimeoutMs} ms`;
      return fields.map((field) => ({ field, result: 'failed', code: 'adapter_timeout', message }));
    }
    if (outcome.type === 'threw') {
      return fields.map((field) => ({ field, result: 'failed', code: 'adapter_failed', message: outcome.message }));
    }
    return this.#results(fields, outcome.value);
  }

  /** Runs foreign code with a time-out and an abort signal; exceptions of any kind become data. */
  async #guarded<T>(
    run: (signal: AbortSignal) => Promise<T>,
    timeoutMs: number,
    onStart: (running: Promise<unknown>) => void,
    onTimeout?: () => void,
  ): Promise<{ type: 'done'; value: T } | { type: 'threw'; message: string } | { type: 'timeout' }> {
    const { clock, log, adapter } = this.#options;
    const controller = new AbortController();
    let running: Promise<T>;
    try {
      running = run(controller.signal);
    } catch (cause) {
      running = Promise.reject(cause instanceof Error ? cause : new Error(String(cause)));
    }
    onStart(running);
    return new Promise((resolve) => {
      const cancel = clock.at(monotonicMs(clock.monotonic() + timeoutMs), () => {
        onTimeout?.();
        log.warn({ adapter: adapter.name, timeoutMs }, 'a state adapter did not finish in time');
        controller.abort();
        resolve({ type: 'timeout' });
      });
      Promise.resolve(running).then(
        (value) => {
          cancel();
          resolve({ type: 'done', value });
        },
        (cause: unknown) => {
          cancel();
          const message = cause instanceof Error ? cause.message : String(cause);
          log.warn({ adapter: adapter.name, error: message }, 'a state adapter threw');
          resolve({ type: 'threw', message: tidyMessage(message) });
        },
      );
    });
  }

  #unreadable(code: string, message: string): [FieldPointer, Reading][] {
    return this.adapter.fields.map((field) => [field, { unreadable: { code, message } }]);
  }

  #readings(answer: readonly FieldReading[]): [FieldPointer, Reading][] {
    const byField = new Map<FieldPointer, Reading>();
    for (const reading of Array.isArray(answer) ? (answer as readonly FieldReading[]) : []) {
      if (reading?.field !== undefined) byField.set(reading.field, tidyReading(reading, keysOf(reading.field).length));
    }
    return this.adapter.fields.map((field) => [
      field,
      byField.get(field) ?? { unreadable: { code: 'not_read', message: 'the adapter left this field out' } },
    ]);
  }

  /** An answer for each field that was asked about. Silence counts as done: the read-back decides. */
  #results(fields: readonly FieldPointer[], answer: readonly FieldApplied[]): readonly FieldApplied[] {
    const answers = Array.isArray(answer) ? (answer as readonly FieldApplied[]) : [];
    return fields.map((field) =>
      tidyApplied(answers.find((one) => one?.field === field) ?? { field, result: 'applied' }),
    );
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
