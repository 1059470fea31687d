import type { DriftCause } from '../core/drift/drift.ts';
import type { EpochMs } from '../core/brand.ts';
import type { JsonValue } from '../core/json/json.ts';
import { duration } from './duration.ts';
import { CAUSE_WORDS } from './words.ts';

/** A drift entry as the API gives it; instants are RFC 3339 text. */
export interface DriftFacts {
  readonly shadow: string;
  readonly field: string;
  readonly desired?: JsonValue;
  readonly reported?: JsonValue;
  readonly differs: boolean;
  readonly cause: DriftCause;
  readonly detail?: { readonly code: string; readonly message?: string };
  readonly firstSeenAt: string;
  readonly lastAgreedAt?: string;
  readonly flaps: number;
  readonly commandId?: string;
  readonly author?: string;
  readonly openCommandId?: string;
  readonly acknowledged?: { readonly by: string };
  readonly ignoredBy?: { readonly reason: string };
}

/** One line of a drift report, as text that still has to be escaped for wherever it goes. */
export interface DriftRow {
  readonly shadow: string;
  readonly field: string;
  readonly desired: string;
  readonly reported: string;
  readonly cause: DriftCause;
  readonly causeWord: string;
  readonly why: string;
  readonly todo: string;
  readonly since: string;
  readonly firstSeenAt: string;
  readonly lastAgreedAt: string;
  readonly flaps: number;
  readonly author: string;
  readonly commandId: string;
  readonly note: string;
}

export function driftRow(entry: DriftFacts, now: EpochMs): DriftRow {
  const words = CAUSE_WORDS[entry.cause];
  return {
    shadow: entry.shadow,
    field: entry.field,
    desired: shownValue(entry.desired),
    reported: shownValue(entry.reported),
    cause: entry.cause,
    causeWord: causeWord(entry),
    why:
      entry.detail === undefined ? words.means : [entry.detail.code, entry.detail.message].filter(Boolean).join(': '),
    todo: todoOf(entry),
    since: duration(now - Date.parse(entry.firstSeenAt)),
    firstSeenAt: entry.firstSeenAt,
    lastAgreedAt: entry.lastAgreedAt ?? '',
    flaps: entry.flaps,
    author: entry.author ?? '',
    commandId: entry.commandId ?? '',
    note: noteOf(entry),
  };
}

/**
 * A field that no longer differs is listed while a command on it ended without success and nobody acknowledged that:
 * a newer command asks for it again and is under way, or the wish was taken back and there is nothing left to differ from.
 */
export function causeWord({ cause, differs, openCommandId }: DriftFacts): string {
  const { word } = CAUSE_WORDS[cause];
  if (differs) return word;
  return openCommandId === undefined ? `was ${word}, no longer asked for` : `was ${word}, asked for again`;
}

export function todoOf({ cause, differs, openCommandId }: DriftFacts): string {
  if (differs) return CAUSE_WORDS[cause].todo;
  return openCommandId === undefined
    ? 'The command ended without success and its wish was taken back. Set a value that works, or acknowledge.'
    : `Command ${openCommandId} asks for it again and is still open: follow that one, or acknowledge.`;
}

/** JSON on one line; nothing where there is no value. */
export function shownValue(value: JsonValue | undefined): string {
  return value === undefined ? '' : JSON.stringify(value);
}

function noteOf({ acknowledged, ignoredBy }: DriftFacts): string {
  const notes = [
    acknowledged === undefined ? '' : `acknowledged by ${acknowledged.by}`,
    ignoredBy === undefined ? '' : `ignored: ${ignoredBy.reason}`,
  ];
  return notes.filter((note) => note !== '').join('; ');
}
