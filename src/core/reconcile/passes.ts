import { monotonicMs } from '../brand.ts';
import { spread } from './backoff.ts';
import type { PassOutcome } from './shadow-state.ts';
import type { Talk } from './talk.ts';

/** When a pass begins, and what its end asks for. */

/** Begins the pass that is wanted, if none runs and the document is known. */
export function startPass(talk: Talk): void {
  const draft = talk.draft;
  const { wanted } = draft;
  if (wanted === undefined || !draft.synced || draft.running !== undefined || draft.stopping) return;
  draft.wanted = undefined;
  draft.running = draft.incarnation;
  talk.effects.push({ type: 'pass', view: draft.view, must: wanted === 'answer' });
}

/** Keeps what the pass found until it is reported, and notes when the next one is due. */
export function passEnded(talk: Talk, outcome: PassOutcome): void {
  const draft = talk.draft;
  const ofThisLife = draft.running === draft.incarnation;
  draft.running = undefined;
  // What was decided in an earlier life of the shadow claims a version that means nothing in this one.
  if (!ofThisLife) talk.want('answer');
  if (!draft.synced || !ofThisLife) return;
  const waiting = draft.outcome;
  draft.outcome = waiting?.must === true ? { ...outcome, must: true } : outcome;
  if (outcome.unfinished) talk.want('look');
  if (outcome.wakeAt === undefined) talk.timers.retry = undefined;
  else talk.timers.retry = outcome.wakeAt;
  const { pollMs } = talk.context.limits;
  talk.timers.poll = talk.in(spread({ lengthMs: pollMs, share: 0.1, fraction: talk.context.fraction }));
}

/** C11: the first change is looked at once, changes in a row ever more slowly. */
export function localChange(talk: Talk): void {
  const draft = talk.draft;
  const { now, limits } = talk.context;
  if (!draft.synced || talk.timers.local !== undefined) return;
  const { lastAt, spacingMs } = draft.local;
  if (now - lastAt >= spacingMs * 10) draft.local = { lastAt, spacingMs: limits.localSpacingMs };
  if (now - lastAt < draft.local.spacingMs) {
    talk.timers.local = monotonicMs(lastAt + draft.local.spacingMs);
    return;
  }
  lookAtLocalChange(talk, now - lastAt < spacingMs * 10);
}

/** Looks, and takes its time before the next look if changes come in a row. */
export function lookAtLocalChange(talk: Talk, inARow: boolean): void {
  const { now, limits } = talk.context;
  const { spacingMs } = talk.draft.local;
  const slower = inARow ? Math.min(spacingMs * 2, limits.localSpacingCapMs) : spacingMs;
  talk.draft.local = { lastAt: now, spacingMs: slower };
  talk.want('look');
}
