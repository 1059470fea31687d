import { unreachable } from '../assert.ts';
import { askDue, askNow } from './asking.ts';
import { accepted, deleted, delta, isOldTale } from './following.ts';
import { document, getRejected } from './got-document.ts';
import { localChange, lookAtLocalChange, passEnded, startPass } from './passes.ts';
import { reportUnanswered, tryReport, updateRejected } from './reporting.ts';
import type { ShadowEvent } from './shadow-event.ts';
import type { ShadowEffect, ShadowState, TimerName } from './shadow-state.ts';
import { Talk, type NextContext, type Step } from './talk.ts';

/**
 * The conversation over one shadow: state and event give the next state and what to do.
 *
 * Order      Patches apply one version after the other; what is older than the view is dropped; a gap is asked for once.
 * Pass       One at a time. Whatever happens during a pass merges into one more pass after it.
 * Reports    One in flight. What a pass found in the meantime waits behind it and replaces what waited before.
 * Silence    Without a wake-up call, and with nothing new to say, nothing is sent.
 */
export function next(state: ShadowState, event: ShadowEvent, context: NextContext): Step {
  if (event.type === 'delta' && isOldTale(state, event, context)) return { state, effects: NOTHING };
  const talk = new Talk(state, context);
  take(talk, event);
  startPass(talk);
  tryReport(talk);
  return talk.step();
}

const NOTHING: readonly ShadowEffect[] = [];

function take(talk: Talk, event: ShadowEvent): void {
  switch (event.type) {
    case 'up':
      disconnected(talk);
      talk.draft.link = 'up';
      return askNow(talk);
    case 'down':
      return disconnected(talk);
    case 'document':
      return document(talk, event);
    case 'get_rejected':
      return getRejected(talk, event);
    case 'accepted':
      return accepted(talk, event.patch);
    case 'delta':
      return delta(talk, event);
    case 'update_rejected':
      return updateRejected(talk, event);
    case 'deleted':
      return deleted(talk, event.version);
    case 'pass_ended':
      return passEnded(talk, event.outcome);
    case 'local_change':
      return localChange(talk);
    case 'call_settled':
      return talk.want('look');
    case 'tick':
      return tick(talk);
    case 'stop':
      talk.draft.stopping = true;
      return;
    default:
      return unreachable(event);
  }
}

function disconnected(talk: Talk): void {
  const draft = talk.draft;
  draft.link = 'down';
  draft.synced = false;
  draft.held = [];
  // What a 413 taught is forgotten: the account's limit may have been raised, and another one costs a report.
  draft.bytesMax = talk.context.limits.documentBytesMax;
  draft.ask = undefined;
  draft.awaiting = undefined;
  draft.service = undefined;
  draft.report = undefined;
  draft.outcome = undefined;
  draft.wanted = undefined;
  for (const name of Object.keys(talk.timers) as TimerName[]) talk.timers[name] = undefined;
}

function tick(talk: Talk): void {
  const due = (name: TimerName): boolean => {
    const at = talk.timers[name];
    if (at === undefined || at > talk.context.now) return false;
    talk.timers[name] = undefined;
    return true;
  };
  if (due('ask')) askDue(talk);
  if (due('report')) reportUnanswered(talk);
  due('resend');
  if (due('gap')) askNow(talk);
  // A delayed retry first checks that the value is still desired; the answer starts the pass.
  if (due('retry')) askNow(talk);
  if (due('resync')) {
    talk.draft.adoptConflicts = 0;
    askNow(talk);
  }
  if (due('poll')) talk.want('look');
  if (due('local')) lookAtLocalChange(talk, true);
}
