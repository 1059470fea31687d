import { unreachable } from '../assert.ts';
import { monotonicMs, type MonotonicMs } from '../brand.ts';
import { turnOf, unfitness } from './device-order.ts';
import type {
  CommandFacts,
  CommandOutcome,
  DirectEffect,
  DirectEvent,
  DirectLimits,
  DirectState,
  Job,
} from './device-state.ts';
import { DIRECT_PROBLEMS, type DirectProblem, type DirectRequest, type DirectResponse } from './messages.ts';

export interface DirectContext {
  readonly now: MonotonicMs;
  readonly commands: ReadonlyMap<string, CommandFacts>;
  readonly limits: DirectLimits;
}

export interface DirectStep {
  readonly state: DirectState;
  readonly effects: readonly DirectEffect[];
}

/**
 * The device's side of direct commands: state and event give the next state and what to do (DESIGN.md section 8).
 *
 * Once       An id has one job and then one answer. A duplicate gets that answer, or how the job stands; it never begins
 *            anything (I4).
 * Durable    `begin` and `conclude` promise to be on the disk before they show.
 * Order      `turnOf` decides; it is asked again whenever something changed.
 */
export function nextDirect(state: DirectState, event: DirectEvent, context: DirectContext): DirectStep {
  const work = new Work(state, context);
  work.take(event);
  work.giveTurns();
  return work.step();
}

/**
 * Takes up what the journal holds of the time before the start: what waited waits again, what was at work begins again if
 * that does no harm, and ends as `interrupted` otherwise.
 */
export function resumeDirect(
  { jobs, sequences }: { jobs: readonly Job[]; sequences: ReadonlyMap<string, number> },
  context: DirectContext,
): DirectStep {
  const resumed = jobs.map((job): Job => {
    const harmless = context.commands.get(job.request.name)?.idempotent === true && job.cancelled !== true;
    return job.phase === 'running' && harmless ? { phase: 'held', request: job.request, again: true } : job;
  });
  const byId = new Map(resumed.map((job) => [job.request.id, job]));
  const work = new Work({ link: 'down', jobs: byId, sequences, stopping: false }, context);
  for (const job of resumed) if (job.phase === 'running') work.interrupt(job);
  return work.step();
}

const INTERRUPTED: DirectProblem = {
  code: DIRECT_PROBLEMS.interrupted,
  message: 'the device went down while it was working on it',
};

type Draft = { -readonly [K in keyof DirectState]: DirectState[K] };

/** One step in the making. Lives only inside `nextDirect`, works on its own copy of the state. */
class Work {
  readonly #draft: Draft;
  readonly #jobs: Map<string, Job>;
  readonly #effects: DirectEffect[] = [];
  readonly #context: DirectContext;

  constructor(state: DirectState, context: DirectContext) {
    this.#draft = { ...state };
    this.#jobs = new Map(state.jobs);
    this.#context = context;
  }

  step(): DirectStep {
    return { state: { ...this.#draft, jobs: this.#jobs }, effects: this.#effects };
  }

  take(event: DirectEvent): void {
    switch (event.type) {
      case 'up':
        this.#draft.link = 'up';
        this.#effects.push({ type: 'catch_up' });
        return;
      case 'down':
        this.#draft.link = 'down';
        // The monotonic clock stands still while a machine sleeps; the next connection tells the time anew.
        delete this.#draft.service;
        return;
      case 'service_time':
        this.#draft.service = event.service;
        return;
      case 'request':
        return this.#request(event);
      case 'progress':
        return this.#progress(event);
      case 'ended':
        return this.#ended(event.id, event.outcome);
      case 'not_begun':
        // What had begun before the device went down cannot be said not to have been tried (found by seed 31108).
        return this.#ended(
          event.id,
          this.#jobs.get(event.id)?.again === true
            ? { type: 'failed', problem: INTERRUPTED }
            : {
                type: 'rejected',
                problem: { code: DIRECT_PROBLEMS.busy, message: 'the device cannot write its journal' },
              },
        );
      case 'tick':
        return this.#tellDue();
      case 'stop':
        this.#draft.stopping = true;
        return;
      default:
        return unreachable(event);
    }
  }

  /** Level-triggered: asks of everything that waits whether its turn has come, until nothing moves any more. */
  giveTurns(): void {
    if (this.#draft.stopping) return;
    for (let moved = true; moved;) {
      moved = false;
      for (const job of [...this.#jobs.values()]) {
        if (job.phase !== 'held') continue;
        const turn = turnOf(job, { ...this.#draft, jobs: this.#jobs }, this.#context);
        if (turn.turn === 'wait') this.#wait(job, turn.gap);
        else moved = true;
        if (turn.turn === 'now') this.#begin(job);
        if (turn.turn === 'never') this.#conclude(job, { type: turn.outcome, problem: turn.problem });
      }
    }
  }

  interrupt(job: Job): void {
    this.#conclude(job, { type: 'failed', problem: INTERRUPTED });
  }

  // ── requests ──

  #request({ request, stored, full }: Extract<DirectEvent, { type: 'request' }>): void {
    if (stored !== undefined) return this.#answer(stored);
    const job = this.#jobs.get(request.id);
    if (job !== undefined) {
      if (request.cancel === true) return this.#cancel(job);
      // Silence while it waits: the sender may ask again until it is promised.
      if (job.toldAt !== undefined) this.#tell(job);
      return;
    }
    const fresh: Job = { phase: 'held', request };
    if (request.cancel === true) return this.#reject(fresh, { code: 'cancelled', message: 'it had not begun' });
    const held = [...this.#jobs.values()].filter(({ phase }) => phase === 'held').length;
    if (full || held >= this.#context.limits.heldMax) return this.#refuseBusy(request);
    const problem = unfitness(fresh, this.#context.commands.get(request.name));
    if (problem !== undefined) return this.#reject(fresh, problem);
    this.#jobs.set(request.id, fresh);
  }

  /** Nothing can be kept, not even this refusal; if it comes again there may be room. */
  #refuseBusy({ id }: DirectRequest): void {
    const problem = { code: DIRECT_PROBLEMS.busy, message: 'the device has too much to do or to remember' };
    this.#answer({ id, status: 'rejected', problem });
  }

  #cancel(job: Job): void {
    if (job.phase === 'held' && job.again !== true) {
      return this.#reject(job, { code: DIRECT_PROBLEMS.cancelled, message: 'it had not begun' });
    }
    if (job.phase === 'held') {
      const problem = {
        code: DIRECT_PROBLEMS.cancelled,
        message: 'the device had gone down while it was working on it',
      };
      return this.#conclude(job, { type: 'failed', problem });
    }
    if (job.cancelled !== true) this.#effects.push({ type: 'abort', id: job.request.id });
    this.#tell({ ...job, cancelled: true });
  }

  #reject(job: Job, problem: DirectProblem): void {
    this.#conclude(job, { type: 'rejected', problem });
  }

  // ── work ──

  #wait(job: Job, gap: boolean): void {
    const { now, limits } = this.#context;
    if (gap) {
      if (job.gapUntil === undefined) this.#set({ ...job, gapUntil: monotonicMs(now + limits.gapMs) });
      return;
    }
    const { gapUntil, ...rest } = job;
    // It stands in line for good, so the sender may rely on it.
    const inLine = job.tellAt === undefined && job.toldAt === undefined && this.#draft.service !== undefined;
    if (inLine) this.#set({ ...rest, tellAt: monotonicMs(now + limits.acceptMs) });
    else if (gapUntil !== undefined) this.#set(rest);
  }

  #begin(job: Job): void {
    const { now, limits } = this.#context;
    const { gapUntil: _, ...rest } = job;
    const tellAt = job.tellAt ?? monotonicMs(now + limits.acceptMs);
    const running: Job = { ...rest, phase: 'running', ...(job.toldAt === undefined ? { tellAt } : {}) };
    this.#set(running);
    this.#effects.push({ type: 'begin', job: running });
  }

  #progress({ id, progress }: Extract<DirectEvent, { type: 'progress' }>): void {
    const job = this.#jobs.get(id);
    if (job === undefined || job.phase !== 'running') return;
    const { now, limits } = this.#context;
    const soonest = job.toldAt === undefined ? (job.tellAt ?? now) : job.toldAt + limits.progressSpacingMs;
    this.#set({ ...job, progress, tellAt: monotonicMs(Math.max(now, soonest)) });
    this.#tellDue();
  }

  #tellDue(): void {
    for (const job of [...this.#jobs.values()]) {
      if (job.tellAt !== undefined && job.tellAt <= this.#context.now) this.#tell(job);
    }
  }

  #tell(job: Job): void {
    const { tellAt: _, ...rest } = job;
    const told: Job = { ...rest, toldAt: this.#context.now };
    this.#set(told);
    const { progress, request } = told;
    const response: DirectResponse =
      progress === undefined
        ? { id: request.id, status: 'accepted' }
        : { id: request.id, status: 'in_progress', progress };
    this.#effects.push({ type: 'tell', job: told, response });
  }

  #ended(id: string, outcome: CommandOutcome): void {
    const job = this.#jobs.get(id);
    if (job === undefined || job.phase !== 'running') return;
    const stopped = job.cancelled === true && outcome.type !== 'succeeded';
    const problem = { code: DIRECT_PROBLEMS.cancelled, message: 'it was stopped because the sender cancelled it' };
    this.#conclude(job, stopped ? { type: outcome.type === 'rejected' ? 'rejected' : 'failed', problem } : outcome);
  }

  #conclude(job: Job, outcome: CommandOutcome): void {
    const { id, name, expiresAt, sequence } = job.request;
    this.#jobs.delete(id);
    const counts = sequence !== undefined && outcome.type !== 'rejected';
    if (counts) this.#advance(sequence);
    const state = this.#context.commands.get(name)?.stateNow();
    const response: DirectResponse = {
      id,
      status: outcome.type,
      ...(outcome.type === 'succeeded'
        ? outcome.result === undefined
          ? {}
          : { result: outcome.result }
        : { problem: outcome.problem }),
      ...(state === undefined ? {} : { state }),
      ...(sequence === undefined
        ? {}
        : { sequence: { key: sequence.key, number: this.#draft.sequences.get(sequence.key) ?? 0 } }),
    };
    const reply = { name, expiresAt, response };
    this.#effects.push({ type: 'conclude', reply, ...(counts ? { sequence } : {}) });
  }

  /** The key moves to the end; the one used longest ago makes room. */
  #advance({ key, number }: { key: string; number: number }): void {
    const done = Math.max(number, this.#draft.sequences.get(key) ?? 0);
    const sequences = new Map([...this.#draft.sequences].filter(([other]) => other !== key)).set(key, done);
    const [oldest] = sequences.keys();
    if (sequences.size > this.#context.limits.keysMax && oldest !== undefined) {
      sequences.delete(oldest);
      this.#effects.push({ type: 'forget_sequence', key: oldest });
    }
    this.#draft.sequences = sequences;
  }

  #answer(response: DirectResponse): void {
    this.#effects.push({ type: 'answer', response });
  }

  #set(job: Job): void {
    this.#jobs.set(job.request.id, job);
  }
}
