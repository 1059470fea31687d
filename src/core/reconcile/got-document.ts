import { epochMs } from '../brand.ts';
import { answered, askLater, newIncarnation } from './asking.ts';
import { drain, waitForGap } from './following.ts';
import type { ShadowEvent } from './shadow-event.ts';
import type { Ask } from './shadow-state.ts';
import type { Talk } from './talk.ts';

/** What the answer to a get changes. */

/** Takes the document over, unless it is older than what is known. */
export function document(
  talk: Talk,
  { clientToken, view, timestampS }: Extract<ShadowEvent, { type: 'document' }>,
): void {
  const { ask } = talk.draft;
  // Answers to other people's gets, and to our own earlier ones, may be older than what we know (A13).
  if (ask === undefined || clientToken !== ask.token) return;
  answered(talk);
  const draft = talk.draft;
  const { now } = talk.context;
  if (timestampS !== undefined) draft.service = { at: epochMs(timestampS * 1_000), since: now };
  const known = draft.view;
  if (known !== undefined && ask.versionThen !== undefined && view.version < ask.versionThen) {
    newIncarnation(talk);
    draft.view = view;
  } else if (known === undefined || view.version >= known.version) {
    draft.view = view;
  }
  drain(talk);
  checkTold(talk, ask);
  draft.woken = Math.max(draft.woken, draft.view?.version ?? 0);
  talk.want(draft.view?.version === draft.lastOwnVersion ? 'look' : 'answer');
}

/** A version that we were told of before we asked, and that the answer does not know, was an old tale or a forged one (R9). */
function checkTold(talk: Talk, { told }: Ask): void {
  const draft = talk.draft;
  const version = draft.view?.version ?? 0;
  draft.held = draft.held.filter((patch) => patch.version > Math.max(told, version));
  if (draft.awaiting !== undefined && draft.awaiting <= Math.max(told, version)) draft.awaiting = undefined;
  if (draft.awaiting !== undefined || draft.held.length > 0) waitForGap(talk);
}

/** 404: there is no shadow. Anything else: ask later. */
export function getRejected(talk: Talk, { clientToken, code }: Extract<ShadowEvent, { type: 'get_rejected' }>): void {
  const draft = talk.draft;
  if (draft.ask === undefined || clientToken !== draft.ask.token) return;
  if (code !== 404) {
    talk.note('warn', 'the shadow service did not answer a get', { code });
    return askLater(talk, 1_000, talk.context.limits.retryCapMs);
  }
  answered(talk);
  if (draft.view !== undefined) newIncarnation(talk);
  draft.view = undefined;
  draft.lastOwnVersion = undefined;
  draft.held = [];
  // R87: the shadow is created by reporting.
  talk.want('answer');
}
