import { monotonicMs, type ClientToken, type MonotonicMs } from '../brand.ts';
import type { Model } from '../model/model.ts';
import { fullJitter } from './backoff.ts';
import type { ReconcileLimits } from './limits.ts';
import type { Note, ShadowEffect, ShadowState, TimerName } from './shadow-state.ts';

export interface NextContext {
  readonly now: MonotonicMs;
  /** Uniform in [0, 1). */
  readonly fraction: number;
  /** What our tokens start with; new for every start of the device. */
  readonly tokenPrefix: string;
  readonly model: Model;
  readonly limits: ReconcileLimits;
}

export interface Step {
  readonly state: ShadowState;
  readonly effects: readonly ShadowEffect[];
}

type Draft = { -readonly [K in keyof ShadowState]: ShadowState[K] };

/** One step in the making. Lives only inside `next`, works on its own copy of the state. */
export class Talk {
  readonly draft: Draft;
  readonly timers: { [Name in TimerName]: MonotonicMs | undefined };
  readonly effects: ShadowEffect[] = [];
  readonly context: NextContext;

  constructor(state: ShadowState, context: NextContext) {
    this.timers = { ...state.timers };
    this.draft = { ...state, timers: this.timers };
    this.context = context;
  }

  step(): Step {
    return { state: this.draft, effects: this.effects };
  }

  /** A token that nobody had before. */
  token(): ClientToken {
    this.draft.tokens += 1;
    return `${this.context.tokenPrefix}${this.draft.tokens.toString(36)}` as ClientToken;
  }

  /** Ours of this life; one of an earlier life belongs to somebody else. */
  isOurs(token: ClientToken | undefined): boolean {
    return token?.startsWith(this.context.tokenPrefix) === true;
  }

  in(lengthMs: number): MonotonicMs {
    return monotonicMs(this.context.now + lengthMs);
  }

  backoff(attempt: number): number {
    const { retryBaseMs, retryCapMs } = this.context.limits;
    return fullJitter({ attempt, baseMs: retryBaseMs, capMs: retryCapMs, fraction: this.context.fraction });
  }

  note(level: Note['level'], message: string, fields?: Note['fields']): void {
    this.effects.push({ type: 'note', note: { level, message, ...(fields === undefined ? {} : { fields }) } });
  }

  /** A pass that must answer is not turned into one that merely looks. */
  want(kind: 'look' | 'answer'): void {
    if (this.draft.wanted !== 'answer') this.draft.wanted = kind;
  }
}
