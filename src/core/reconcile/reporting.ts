import { epochMs } from '../brand.ts';
import { jsonEqual } from '../json/json-equal.ts';
import { objectFromLeaves, valueAt } from '../json/json-pointer.ts';
import type { JsonObject } from '../json/json.ts';
import { askNow } from './asking.ts';
import { fullJitter } from './backoff.ts';
import { buildReport } from './report.ts';
import type { ShadowEvent } from './shadow-event.ts';
import type { PassOutcome, UpdateBody } from './shadow-state.ts';
import type { Talk } from './talk.ts';
import type { AcceptedPatch } from './view.ts';

/** Reporting what passes found: one report in flight, what came meanwhile behind it. */

const CONFLICT_BASE_MS = 50;
const CONFLICT_CAP_MS = 5_000;
/** Below this a document is too small to be worth another try. */
const BYTES_MIN = 512;

/** Sends what the last pass found, if there is anything to say and nothing on its way. */
export function tryReport(talk: Talk): void {
  const draft = talk.draft;
  const { outcome, view } = draft;
  if (!draft.synced || draft.report !== undefined || outcome === undefined) return;
  if (talk.timers.resend !== undefined) return;
  draft.outcome = undefined;
  const built = buildReport({
    desired: view?.desired,
    believed: view?.reported,
    readings: outcome.readings,
    states: outcome.states,
    version: outcome.version,
    model: talk.context.model,
    must: outcome.must,
    bytesMax: draft.bytesMax,
  });
  const adopt = adoption(talk, outcome);
  if (built === undefined && adopt === undefined) return;
  if (built?.trimmed !== undefined) {
    talk.note(built.trimmed === 'values' ? 'error' : 'warn', 'the report was trimmed to fit the shadow', {
      trimmed: built.trimmed,
      bytesMax: draft.bytesMax,
    });
  }
  const clientToken = talk.token();
  const body: UpdateBody = {
    state: {
      ...(built === undefined ? {} : { reported: built.patch }),
      ...(adopt === undefined ? {} : { desired: adopt.desired }),
    },
    ...(adopt === undefined ? {} : { version: adopt.version }),
    clientToken,
  };
  draft.report = { token: clientToken, outcome, adopting: adopt !== undefined };
  talk.timers.report = talk.in(talk.context.limits.answerTimeoutMs);
  talk.effects.push({ type: 'update', body });
}

/** Guarded by the version we know: any change we have not seen makes it fail (409), and the next pass decides anew. */
function adoption(talk: Talk, { adopt }: PassOutcome): { desired: JsonObject; version: number } | undefined {
  const { view, adoptConflicts } = talk.draft;
  if (view === undefined || adoptConflicts >= talk.context.limits.adoptConflictsMax) return undefined;
  const still = adopt.filter(({ field, was }) => {
    const wish = valueAt(view.desired, field);
    return wish !== undefined && jsonEqual(wish, was);
  });
  if (still.length === 0) return undefined;
  return { desired: objectFromLeaves(still.map(({ field, value }) => [field, value])), version: view.version };
}

/** Our report is part of the document. */
export function reportAccepted(talk: Talk, { version, stampS }: AcceptedPatch): void {
  const draft = talk.draft;
  // Where no get found a shadow, the answer to the report that creates it is the first to tell the time.
  if (draft.service === undefined && stampS !== undefined) {
    draft.service = { at: epochMs(stampS * 1_000), since: talk.context.now };
  }
  if (draft.report?.adopting === true) draft.adoptConflicts = 0;
  reportEnded(talk);
  draft.reportsRefused = 0;
  draft.lastOwnVersion = version;
  talk.effects.push({ type: 'remember' });
}

function reportEnded(talk: Talk): void {
  talk.draft.report = undefined;
  talk.timers.report = undefined;
}

/** Our report was refused: what to do depends on why. */
export function updateRejected(
  talk: Talk,
  { clientToken, code, message }: Extract<ShadowEvent, { type: 'update_rejected' }>,
): void {
  const draft = talk.draft;
  const { report } = draft;
  if (report === undefined || clientToken !== report.token) return;
  reportEnded(talk);
  draft.reportsRefused += 1;
  if (code === 409) return conflict(talk, report.adopting);
  if (code === 413 && draft.bytesMax > BYTES_MIN) {
    draft.bytesMax = Math.max(BYTES_MIN, Math.floor(draft.bytesMax * 0.75));
    draft.outcome ??= report.outcome;
    return;
  }
  if (code === 429 || code >= 500) {
    draft.outcome ??= report.outcome;
    if (report.outcome.must) draft.outcome = { ...draft.outcome, must: true };
    talk.note('warn', 'the shadow service cannot take a report now', { code });
    talk.timers.resend = talk.in(talk.backoff(draft.reportsRefused));
    return;
  }
  // Asking again at once would be a loop; the next wake-up or resync says it anew.
  talk.note('error', 'the shadow service refused a report', { code, said: message });
}

function conflict(talk: Talk, adopting: boolean): void {
  const draft = talk.draft;
  if (adopting) {
    draft.adoptConflicts += 1;
    if (draft.adoptConflicts === talk.context.limits.adoptConflictsMax) {
      talk.note('warn', 'desired changed too often to adopt a local change', { conflicts: draft.adoptConflicts });
    }
  }
  if (draft.ask !== undefined) return;
  const attempt = draft.reportsRefused;
  const { fraction } = talk.context;
  talk.timers.ask = talk.in(fullJitter({ attempt, baseMs: CONFLICT_BASE_MS, capMs: CONFLICT_CAP_MS, fraction }));
}

/** Nobody knows whether it landed: the document tells. */
export function reportUnanswered(talk: Talk): void {
  talk.note('warn', 'a report was not answered in time');
  reportEnded(talk);
  talk.draft.reportsRefused += 1;
  askNow(talk);
}
