import type { ClientToken, EpochMs, FieldPointer } from '../brand.ts';
import type { JsonObject } from '../json/json.ts';
import type { ShadowMetadata, ShadowState } from '../shadow/document.ts';
import type { ShadowRef } from '../shadow/shadow-ref.ts';
import { mergeSection, type Section } from './merge.ts';
import { snapshotMarks } from './snapshot.ts';
import { absentView, type ShadowView } from './view.ts';

/** `update/accepted`: a patch, not a snapshot (R64). `cleared`: both sections were emptied (R35). */
export interface AcceptedUpdate {
  readonly version: number;
  readonly clientToken?: ClientToken;
  readonly timestamp?: number;
  readonly state: {
    readonly desired?: JsonObject | null;
    readonly reported?: JsonObject | null;
    readonly cleared?: true;
  };
  readonly metadata: ShadowMetadata;
}

/** `get/accepted`. */
export interface ReadShadow {
  readonly version: number;
  readonly clientToken?: ClientToken;
  readonly timestamp?: number;
  readonly state: ShadowState;
  readonly metadata: ShadowMetadata;
}

/**
 * What we see of a shadow: the view, and accepted updates that came too early for it.
 *
 * `view`       Absent until the first snapshot; an absent shadow has a view of version 0.
 * `held`       In order of version, each version once.
 * `holdUntil`  When waiting for the missing ones ends and a `get` must repair the gap.
 * `buried`     The newest version known of the life before this one.
 */
export interface Sight {
  readonly view?: ShadowView;
  readonly held: readonly HeldUpdate[];
  readonly holdUntil?: EpochMs;
  readonly buried?: number;
}

export interface HeldUpdate {
  readonly update: AcceptedUpdate;
  readonly source: (field: FieldPointer) => string;
}

export const NOTHING_SEEN: Sight = { held: [] };

/** How long an accepted update may wait for the ones before it. */
export const HOLD_MS = 250;

export type Seen = 'applied' | 'dropped' | 'held';

/**
 * Takes an accepted update into the view: known+1 is applied, and `seeHeld` goes on from there; later ones wait; at or
 * below known it changes nothing (R51, R52, R70).
 */
export function seeAccepted(
  sight: Sight,
  held: HeldUpdate,
  { ref, now }: { ref: ShadowRef; now: EpochMs },
): { sight: Sight; seen: Seen } {
  const { view } = sight;
  const { version } = held.update;
  if (view === undefined && version > 1) return { sight: hold(sight, held, now), seen: 'held' };
  const known = view ?? absentView(ref, 1, now);
  if (version <= known.version) return { sight, seen: 'dropped' };
  if (version > known.version + 1) return { sight: hold(sight, held, now), seen: 'held' };
  return { sight: seeing(sight, patched(known, held, now), now), seen: 'applied' };
}

/** The next state of the shadow that held updates show, if they follow on: each is one that it really went through. */
export function seeHeld(sight: Sight, now: EpochMs): Sight | undefined {
  const { view, held } = sight;
  const [first] = held;
  if (view === undefined || first?.update.version !== view.version + 1) return undefined;
  return seeing(sight, patched(view, first, now), now);
}

/** Takes a snapshot that is not older than the view, and what was held above it. */
export function seeSnapshot(
  sight: Sight,
  read: ReadShadow,
  { ref, now }: { ref: ShadowRef; now: EpochMs },
): { sight: Sight; seen: Seen } {
  const known = sight.view ?? absentView(ref, 1, now);
  if (read.version < known.version) return { sight, seen: 'dropped' };
  let next = seeing(sight, replaced(known, read, now), now);
  for (let more = seeHeld(next, now); more !== undefined; more = seeHeld(next, now)) next = more;
  return { sight: next, seen: 'applied' };
}

/** The shadow is gone, or its versions started anew: nothing known of the old life counts for the next one. */
export function newIncarnation(
  { view }: Sight,
  { ref, now, buried = view?.version }: { ref: ShadowRef; now: EpochMs; buried?: number | undefined },
): Sight {
  const absent = absentView(ref, (view?.incarnation ?? 0) + 1, now);
  // What comes from before is told by its time, as long as there is no version to compare with.
  const stamp = view?.stamp ?? 0;
  return { view: { ...absent, stamp }, held: [], ...(buried === undefined ? {} : { buried }) };
}

function hold(sight: Sight, held: HeldUpdate, now: EpochMs): Sight {
  const others = sight.held.filter(({ update }) => update.version !== held.update.version);
  const sorted = [...others, held].sort((left, right) => left.update.version - right.update.version);
  return { ...sight, held: sorted, holdUntil: sight.holdUntil ?? ((now + HOLD_MS) as EpochMs) };
}

/** With another view; what was held at or below it is done with. */
function seeing({ held, buried }: Sight, view: ShadowView, now: EpochMs): Sight {
  const rest = held.length === 0 ? held : held.filter(({ update }) => update.version > view.version);
  const before = buried === undefined ? {} : { buried };
  if (rest.length === 0) return { view, held: rest, ...before };
  return { view, held: rest, holdUntil: (now + HOLD_MS) as EpochMs, ...before };
}

function patched(view: ShadowView, { update, source }: HeldUpdate, now: EpochMs): ShadowView {
  const stamp = update.timestamp ?? view.stamp;
  const desired = update.state.cleared === true ? null : update.state.desired;
  const reported = update.state.cleared === true ? null : update.state.reported;
  const { version, metadata } = update;
  const sections = {
    desired:
      desired === undefined
        ? sectionOf(view, 'desired')
        : mergeSection(sectionOf(view, 'desired'), {
            patch: desired,
            metadata: metadata.desired,
            stamp,
            version,
            source,
          }),
    reported:
      reported === undefined
        ? sectionOf(view, 'reported')
        : mergeSection(sectionOf(view, 'reported'), {
            patch: reported,
            metadata: metadata.reported,
            stamp,
            version,
            source: () => '',
          }),
  };
  const desiredVersion = desired === undefined ? view.desiredVersion : version;
  return assembled(view, sections, { version, desiredVersion, stamp, seenAt: now });
}

function replaced(view: ShadowView, read: ReadShadow, now: EpochMs): ShadowView {
  const stamp = read.timestamp ?? view.stamp;
  const { desired, reported } = read.state;
  const gap = read.version !== view.version;
  const sections: Sections = {
    desired:
      desired === undefined
        ? {}
        : {
            state: desired,
            marks: snapshotMarks(sectionOf(view, 'desired'), desired, read.metadata.desired, {
              stamp: 0,
              version: read.version,
            }),
          },
    reported:
      reported === undefined
        ? {}
        : {
            state: reported,
            marks: snapshotMarks(sectionOf(view, 'reported'), reported, read.metadata.reported, {
              stamp: 0,
              version: 0,
            }),
          },
  };
  const { version } = read;
  return assembled(view, sections, {
    version,
    desiredVersion: gap ? version : view.desiredVersion,
    stamp,
    seenAt: now,
  });
}

interface Sections {
  readonly desired: Section;
  readonly reported: Section;
}

export function sectionOf(view: ShadowView, name: 'desired' | 'reported'): Section {
  const state = view.state[name];
  const marks = view.marks[name];
  if (state === undefined) return marks === undefined ? {} : { marks };
  return marks === undefined ? { state } : { state, marks };
}

function assembled(
  { ref, incarnation }: ShadowView,
  { desired, reported }: Sections,
  rest: Pick<ShadowView, 'version' | 'desiredVersion' | 'stamp' | 'seenAt'>,
): ShadowView {
  return {
    ref,
    version: rest.version,
    incarnation,
    state: both(desired.state, reported.state),
    marks: both(desired.marks, reported.marks),
    desiredVersion: rest.desiredVersion,
    stamp: rest.stamp,
    seenAt: rest.seenAt,
  };
}

/** Only the members that are there: an absent section is no member (R13). */
function both<T>(desired: T | undefined, reported: T | undefined): { readonly desired?: T; readonly reported?: T } {
  if (desired === undefined) return reported === undefined ? {} : { reported };
  return reported === undefined ? { desired } : { desired, reported };
}
