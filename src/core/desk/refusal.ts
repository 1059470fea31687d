import type { Write } from '../command/write.ts';
import { later, need } from './asking.ts';
import type { LaneTask } from './desk.ts';
import type { Draft } from './draft.ts';
import { releaseEnded } from './landing.ts';
import { keepGuard, loseTrack } from './lane.ts';

/** The service said no. */
export function onRejected(draft: Draft, refused: Write, { code, message }: { code: number; message: string }): void {
  const { lane } = draft.desk;
  const current = lane !== undefined && lane.stage !== 'reading' && lane.write.id === refused.id ? lane : undefined;
  if (code >= 500 && current !== undefined) {
    // It failed somewhere inside: whether the write was stored by then, or will be, only a snapshot can tell (seed 6041).
    pause(draft, 'service_unavailable');
    loseTrack(draft, refused);
    return;
  }
  draft.setWrite({ ...refused, state: 'rejected' });
  releaseEnded(draft, refused);
  if (current !== undefined) draft.clearLane();
  if (code === 409 && refused.ifVersion !== undefined) {
    if (current !== undefined) conflicted(draft, current, refused);
    return;
  }
  if (code === 429) {
    pause(draft, 'throttled');
    if (current !== undefined) keepGuard(draft, current);
    return;
  }
  if (code >= 500) return;
  refuse(draft, refused, { code, message });
}

/** Read again, compare again, write again; after too many times later, and never without the lock. */
function conflicted(draft: Draft, { purpose, commandIds, guard, attempt }: LaneTask, refused: Write): void {
  if (guard === undefined) return;
  const { conflictRetriesMax } = draft.context.settings;
  const exhausted = attempt >= conflictRetriesMax;
  if (exhausted) {
    for (const id of commandIds)
      draft.line(id, { event: 'conflict_goes_on', by: 'desk', version: refused.base.version });
    pause(draft, 'conflict');
  }
  draft.desk.lane = {
    purpose,
    commandIds,
    guard,
    attempt: exhausted ? 1 : attempt + 1,
    stage: 'reading',
    serial: need(draft),
  };
  draft.desk.asking = { ...draft.desk.asking, retryAt: later(draft, exhausted ? 6 : 0) };
}

function pause(draft: Draft, code: string): void {
  const failures = (draft.desk.pause?.failures ?? 0) + 1;
  draft.desk.pause = { until: later(draft, failures), failures, code };
}

/** A refusal for good. Where several commands shared the request, each is tried alone to find whose it is. */
function refuse(draft: Draft, refused: Write, { code, message }: { code: number; message: string }): void {
  if (refused.purpose === 'nudge') return;
  if (refused.purpose !== 'commands') {
    for (const id of refused.commandIds) draft.apply(id, { type: 'ending', result: 'kept', detail: { code, message } });
    return;
  }
  if (refused.commandIds.length > 1) {
    draft.desk.alone = new Set([...draft.desk.alone, ...refused.commandIds]);
    return;
  }
  const problem = code === 413 ? 'payload_too_large' : code === 409 ? 'version_conflict' : 'service_rejected';
  for (const id of refused.commandIds) {
    const command = draft.command(id);
    if (command === undefined) continue;
    draft.apply(id, { type: 'rejected', code: problem, message: `${code} ${message}`.trim(), by: 'service' });
  }
}
