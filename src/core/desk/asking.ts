import { epochMs } from '../brand.ts';
import type { Asked, Desk } from './desk.ts';
import type { Draft } from './draft.ts';

/**
 * Asks for a snapshot that is younger than this moment, and returns the number of the `get` that will answer. Several
 * questions of one moment share one `get`, and so do those that come while it waits for its turn behind others.
 * `patient`: nobody waits for the answer, all others go first.
 */
export function need(draft: Draft, patient = false): number {
  const { asking } = draft.desk;
  const { pending } = asking;
  if (pending !== undefined && pending.until === undefined && (patient || !pending.patient)) {
    if (asking.needed < pending.serial) draft.desk.asking = { ...asking, needed: pending.serial };
    return pending.serial;
  }
  const serial = asking.last + 1;
  const all = patient && (asking.patient || asking.answered >= asking.needed);
  if (asking.needed < serial || all !== asking.patient) draft.desk.asking = { ...asking, needed: serial, patient: all };
  return serial;
}

export function isAnswered(draft: Draft, serial: number): boolean {
  return draft.desk.asking.answered >= serial;
}

/** Sends the `get` that is needed, unless it is under way, must wait, or nobody would hear the answer. */
export function ask(draft: Draft): void {
  const { asking, linked } = draft.desk;
  if (!linked || asking.answered >= asking.needed) return;
  if (asking.pending !== undefined && asking.pending.serial >= asking.needed) return;
  if (asking.retryAt !== undefined && asking.retryAt > draft.now) return;
  const serial = asking.last + 1;
  const { retryAt: _, ...rest } = asking;
  draft.desk.asking = {
    ...rest,
    last: serial,
    late: withLate(asking.late, asking.pending),
    pending: { ...knownNow(draft, serial), patient: asking.patient },
  };
  draft.get(serial, asking.patient);
}

/** It leaves only now, perhaps long after it was wanted. */
export function asked(draft: Draft, serial: number): void {
  const { pending } = draft.desk.asking;
  if (pending?.serial !== serial) return;
  const until = epochMs(draft.now + draft.context.settings.answerMs);
  draft.desk.asking = {
    ...draft.desk.asking,
    pending: { ...knownNow(draft, serial), patient: pending.patient, until },
  };
}

function knownNow({ desk: { sight, commands } }: Draft, serial: number): Asked {
  const { version = 0, incarnation = 0 } = sight.view ?? {};
  const landed = [...commands.values()].some((command) => command.incarnation === sight.view?.incarnation);
  return { serial, version, incarnation, landed };
}

/** The answer to number `serial` has been worked in. Answers to older ones still count as answers to those. */
export function answered(draft: Draft, serial: number): void {
  const { asking } = draft.desk;
  if (serial <= asking.answered) return;
  const { pending, retryAt: _, ...rest } = asking;
  const waiting = pending !== undefined && pending.serial > serial ? { pending } : {};
  const late = asking.late.length === 0 ? asking.late : asking.late.filter((one) => one.serial > serial);
  draft.desk.asking = { ...rest, ...waiting, late, answered: serial, failures: 0 };
}

/** What was known when number `serial` was asked, however late its answer comes. */
export function knownWhenAsked({ asking }: Desk, serial: number | undefined): Asked | undefined {
  if (asking.pending?.serial === serial) return asking.pending;
  return asking.late.find((one) => one.serial === serial);
}

/** Longer than any answer may take. */
const LATE_MAX = 8;

export function withLate(late: readonly Asked[], given: Asked | undefined): readonly Asked[] {
  return given === undefined ? late : [...late.slice(1 - LATE_MAX), given];
}

/** No answer, or one that helps nobody: again after a pause that grows. A later number answers earlier questions too. */
export function unanswered(draft: Draft, serial: number): void {
  const { asking } = draft.desk;
  if (asking.pending?.serial !== serial) return;
  const { pending, ...rest } = asking;
  const failures = asking.failures + 1;
  draft.desk.asking = {
    ...rest,
    late: withLate(asking.late, pending),
    failures,
    retryAt: later(draft, failures),
  };
}

/** Full jitter below a ceiling that doubles. */
export function later(draft: Draft, failures: number): ReturnType<typeof epochMs> {
  const { backoffMs, backoffMsMax } = draft.context.settings;
  const ceiling = Math.min(backoffMsMax, backoffMs * 2 ** Math.min(failures, 20));
  return epochMs(draft.now + Math.ceil(ceiling * (0.5 + draft.context.fraction() / 2)));
}
