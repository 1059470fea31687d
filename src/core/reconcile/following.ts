import { askNow, newIncarnation } from './asking.ts';
import { claimOf } from './report.ts';
import { reportAccepted } from './reporting.ts';
import type { ShadowEvent } from './shadow-event.ts';
import type { ShadowState } from './shadow-state.ts';
import type { NextContext, Talk } from './talk.ts';
import { advanced, type AcceptedPatch, type DeviceView } from './view.ts';

/** Following the document from patch to patch: in order, and by a get where one is missing. */

/** Patches kept while their predecessors are missing; beyond that a get is due anyway. */
const HELD_MAX = 32;

/** Somebody's update was accepted, perhaps ours. */
export function accepted(talk: Talk, patch: AcceptedPatch): void {
  const draft = talk.draft;
  const own = draft.report !== undefined && patch.clientToken === draft.report.token;
  if (own) reportAccepted(talk, patch);
  if (!draft.synced || draft.view === undefined) {
    // Known only after the get: the first one of a connection, or the one that follows a creation.
    if (draft.synced) askNow(talk);
    return hold(talk, patch);
  }
  if (patch.version <= draft.view.version) return;
  hold(talk, patch);
  drain(talk);
  if (draft.held.length > 0) waitForGap(talk);
}

function hold(talk: Talk, patch: AcceptedPatch): void {
  const held = talk.draft.held.filter(({ version }) => version !== patch.version);
  const at = held.findIndex(({ version }) => version > patch.version);
  held.splice(at < 0 ? held.length : at, 0, patch);
  talk.draft.held = held.slice(-HELD_MAX);
}

/** Applies what comes next in order and drops what is older than the view. */
export function drain(talk: Talk): void {
  const draft = talk.draft;
  let view = draft.view;
  if (view === undefined) return;
  let taken = 0;
  for (const patch of draft.held) {
    if (patch.version > view.version + 1) break;
    taken += 1;
    if (patch.version <= view.version) continue;
    if (isOfAnEarlierLife(view, patch)) {
      askNow(talk);
      continue;
    }
    const before = view;
    view = advanced(before, patch);
    draft.view = view;
    wokenBy(talk, patch, before);
  }
  if (taken > 0) draft.held = draft.held.slice(taken);
  if (draft.awaiting !== undefined && draft.awaiting <= view.version) {
    draft.woken = Math.max(draft.woken, draft.awaiting);
    draft.awaiting = undefined;
    talk.want('answer');
  }
  if (draft.awaiting === undefined && draft.held.length === 0) talk.timers.gap = undefined;
}

/**
 * Versions start anew when a shadow is deleted for long; a session that is resumed may replay a wish of the life before whose
 * version happens to be the next one (seed 28446), also where nothing but reported stands in the new one (seed 68774). It is
 * older than what it would go on top of: the service's own word decides.
 */
function isOfAnEarlierLife({ newestS = 0 }: DeviceView, { desired, stampS }: AcceptedPatch): boolean {
  return desired !== undefined && stampS !== undefined && stampS < newestS;
}

function wokenBy(talk: Talk, patch: AcceptedPatch, before: DeviceView): void {
  const { version, clientToken, desired, reported } = patch;
  const draft = talk.draft;
  if (talk.isOurs(clientToken)) {
    // An adoption: the next look finds the new wish fulfilled.
    if (desired !== undefined) talk.want('look');
    // A report of ours that was doubled on its way may lie on top of a later one: what it says is not so any more.
    if (reported !== undefined && version > (draft.lastOwnVersion ?? 0)) putRight(talk, before);
    return;
  }
  if (desired !== undefined) {
    draft.woken = Math.max(draft.woken, version);
    if (desired !== null) talk.effects.push({ type: 'rearm', desired });
    talk.want('answer');
  } else if (reported === undefined) {
    talk.effects.push({ type: 'nudge' });
  }
  // Somebody else wrote what only the device knows.
  if (reported !== undefined) putRight(talk, before);
}

/** Looks at what is so; a claim that fell is made anew, for it only rises (found by seed 38031). */
function putRight(talk: Talk, before: DeviceView): void {
  const fell = claimOf(talk.draft.view) < claimOf(before);
  talk.want(fell ? 'answer' : 'look');
}

type Delta = Extract<ShadowEvent, { type: 'delta' }>;

/** A delta that wakes nobody: our own reports cause deltas too (R61, R106), and most come after the `accepted` that woke us. */
export function isOldTale(
  { woken }: ShadowState,
  { version, clientToken }: Delta,
  { tokenPrefix }: NextContext,
): boolean {
  return version <= woken || clientToken?.startsWith(tokenPrefix) === true;
}

/** A wake-up call, no more: what is desired says the document. */
export function delta(talk: Talk, { version }: Delta): void {
  const draft = talk.draft;
  if (draft.synced && draft.view !== undefined && version <= draft.view.version) {
    draft.woken = version;
    return talk.want('answer');
  }
  draft.awaiting = Math.max(draft.awaiting ?? 0, version);
  if (draft.synced) waitForGap(talk);
}

/** A get, if what is missing does not come soon. */
export function waitForGap(talk: Talk): void {
  talk.timers.gap ??= talk.in(talk.context.limits.gapMs);
}

/** The shadow is gone, or it is an old tale. */
export function deleted(talk: Talk, version: number): void {
  const draft = talk.draft;
  if (draft.link === 'down') return;
  // A deletion of what is no longer there (B10): the get below tells.
  if (draft.view === undefined || version >= draft.view.version) {
    if (draft.view !== undefined) newIncarnation(talk);
    draft.view = undefined;
    draft.synced = false;
  }
  draft.ask = undefined;
  askNow(talk);
}
