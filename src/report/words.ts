import type { CommandStatus, FieldOutcome, Verdict } from '../core/command/command.ts';
import type { DriftCause } from '../core/drift/drift.ts';

/** How states read for people: one place for console, reports and command line. Never colour alone: a sign and a word. */
export interface Words {
  readonly sign: string;
  readonly word: string;
  /** What it means, as a sentence. */
  readonly means: string;
  readonly tone: Tone;
}

export type Tone = 'good' | 'waiting' | 'bad' | 'muted' | 'late';

export const VERDICT_WORDS: Readonly<Record<Verdict, Words>> = {
  pending: { sign: '…', word: 'pending', means: 'Not decided yet.', tone: 'waiting' },
  succeeded: { sign: '✓', word: 'succeeded', means: 'The device showed that it did it.', tone: 'good' },
  failed: { sign: '✗', word: 'failed', means: 'It was refused.', tone: 'bad' },
  withdrawn: {
    sign: '»',
    word: 'withdrawn',
    means: 'Something newer took its place, or somebody took it back.',
    tone: 'muted',
  },
  timed_out: {
    sign: '!',
    word: 'timed out',
    means: 'No proof came in time; it may still have happened.',
    tone: 'late',
  },
};

export const STATUS_MEANS: Readonly<Record<CommandStatus, string>> = {
  queued: 'Safe in the ledger, not yet accepted by the shadow service.',
  sent: 'The shadow service accepted it; the device has not answered yet.',
  delivered: 'The device took it into account and is working on it.',
  succeeded: 'The device reported every field as desired.',
  failed: 'The device refused a field, or the service refused the write.',
  superseded: 'A newer write took its place.',
  cancelled: 'Taken back by its author or an operator.',
  timed_out: 'The device saw it but gave no proof in time.',
  expired: 'Its last day came without a sign that the device saw it.',
  succeeded_late: 'Proof came after the end.',
};

export const OUTCOME_WORDS: Readonly<Record<FieldOutcome['outcome'], Words>> = {
  pending: { sign: '…', word: 'pending', means: 'Waiting for the device.', tone: 'waiting' },
  applying: { sign: '…', word: 'applying', means: 'The device is at it.', tone: 'waiting' },
  retrying: { sign: '↻', word: 'retrying', means: 'It did not work yet; the device tries again.', tone: 'waiting' },
  deferred: { sign: '◷', word: 'deferred', means: 'Takes effect at a restart or in a window.', tone: 'waiting' },
  overridden: {
    sign: '⊘',
    word: 'held at the device',
    means: 'Somebody at the device holds this value.',
    tone: 'waiting',
  },
  confirmed: { sign: '✓', word: 'confirmed', means: 'The device reported it.', tone: 'good' },
  refused: { sign: '✗', word: 'refused', means: 'The device will not do it.', tone: 'bad' },
  superseded: { sign: '»', word: 'superseded', means: 'Overwritten by something newer.', tone: 'muted' },
};

/** What each cause of drift means, and what a person on support can do about it. */
export const CAUSE_WORDS: Readonly<Record<DriftCause, Words & { readonly todo: string }>> = {
  never_delivered: {
    sign: '✉',
    word: 'never delivered',
    means: 'The wish came after the device was last heard; it has not seen it.',
    tone: 'waiting',
    todo: 'Check that the device runs and is connected; it asks for the shadow when it connects.',
  },
  offline: {
    sign: '○',
    word: 'offline',
    means: 'The device is not connected.',
    tone: 'muted',
    todo: 'Ask for power and network at the site. The wish waits in the shadow.',
  },
  refused: {
    sign: '✗',
    word: 'refused',
    means: 'The device said no, for good.',
    tone: 'bad',
    todo: 'Read its reason, then set a value it accepts or roll the command back.',
  },
  overridden: {
    sign: '⊘',
    word: 'held at the device',
    means: 'Somebody at the device set another value and holds it for a while.',
    tone: 'waiting',
    todo: 'Wait until the hold ends, or set the value anew to end it at once.',
  },
  changed_on_device: {
    sign: '⚒',
    word: 'changed on the device',
    means: 'It was as desired before, then the device changed by itself or by hand.',
    tone: 'bad',
    todo: 'Set the value again, or take over what the device reports as the new wish.',
  },
  foreign_desired: {
    sign: '✎',
    word: 'somebody else’s wish',
    means: 'The desired value was written outside this system, such as in the AWS console.',
    tone: 'muted',
    todo: 'Find out who wrote it; then set the value you want.',
  },
  stuck: {
    sign: '⚠',
    word: 'stuck',
    means: 'The device is connected and saw the wish, and still differs.',
    tone: 'bad',
    todo: 'Look at the device’s own code; retry once, then have the device examined.',
  },
  model_mismatch: {
    sign: '≠',
    word: 'other model',
    means: 'The device works with another model than this server.',
    tone: 'bad',
    todo: 'Compare firmware and model versions; update one of the two.',
  },
  unknown: {
    sign: '?',
    word: 'unknown',
    means: 'None of the known causes can be shown.',
    tone: 'muted',
    todo: 'Open the thing and read its timeline.',
  },
};
