import { fullJitter, spread } from './backoff.ts';
import type { Ask } from './shadow-state.ts';
import type { Talk } from './talk.ts';

/** Asking the service for the document: one get at a time, later and later while none is answered. */

/** Sends a get, unless one is on its way. What is known now is remembered: the answer is judged by it. */
export function askNow(talk: Talk): void {
  const draft = talk.draft;
  if (draft.link === 'down' || draft.ask !== undefined) return;
  const token = talk.token();
  const told = Math.max(draft.awaiting ?? 0, draft.held.at(-1)?.version ?? 0);
  const ask: Ask = { token, told, ...(draft.view === undefined ? {} : { versionThen: draft.view.version }) };
  draft.ask = ask;
  talk.timers.ask = talk.in(talk.context.limits.answerTimeoutMs);
  talk.timers.gap = undefined;
  talk.effects.push({ type: 'get', token });
}

/** The get failed: another one after a backoff. */
export function askLater(talk: Talk, baseMs: number, capMs: number): void {
  talk.draft.ask = undefined;
  talk.draft.asksFailed += 1;
  const attempt = talk.draft.asksFailed;
  talk.timers.ask = talk.in(fullJitter({ attempt, baseMs, capMs, fraction: talk.context.fraction }));
}

/** Our newest get has an answer: the conversation is in step with the service. */
export function answered(talk: Talk): void {
  const draft = talk.draft;
  draft.ask = undefined;
  talk.timers.ask = undefined;
  draft.asksFailed = 0;
  draft.synced = true;
  draft.checkedAt = talk.context.now;
  const { resyncMs } = talk.context.limits;
  talk.timers.resync = talk.in(spread({ lengthMs: resyncMs, share: 0.2, fraction: talk.context.fraction }));
}

/** The shadow was deleted, or begins anew: versions from before mean nothing. */
export function newIncarnation(talk: Talk): void {
  const draft = talk.draft;
  draft.incarnation += 1;
  draft.held = [];
  draft.woken = 0;
  draft.awaiting = undefined;
  draft.lastOwnVersion = undefined;
  // What a pass found then claims a version that means nothing now; the next one finds it again.
  draft.outcome = undefined;
  talk.note('info', 'the shadow began a new life', { incarnation: draft.incarnation });
}

/** The time-out of a get, or the time of the next one. */
export function askDue(talk: Talk): void {
  if (talk.draft.ask === undefined) return askNow(talk);
  talk.note('warn', 'a get was not answered in time');
  askLater(talk, 1_000, 60_000);
}
