import type { FieldPointer, MonotonicMs } from '../brand.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json.ts';
import { leavesOf, objectFromLeaves, overlaps, valueAt } from '../json/json-pointer.ts';
import type { FieldAnnotations, FieldValue, Model } from '../model/model.ts';
import { refused, retrying, type FieldState } from './field-state.ts';
import { judgeField, type Busy, type Judgement, type Moment, type Reading } from './judge-field.ts';
import type { ReconcileLimits } from './limits.ts';
import { memoryOf, type FieldMemory, type Memory } from './memory.ts';

/** Everything one round of a pass is decided from. */
export interface PlanInput {
  readonly desired: JsonObject | undefined;
  /** Metadata of desired, mirrored (R72). */
  readonly stamps: JsonObject | undefined;
  readonly owned: ReadonlyMap<FieldPointer, string>;
  readonly readings: ReadonlyMap<FieldPointer, Reading>;
  readonly memory: Memory;
  readonly busy: ReadonlyMap<FieldPointer, Busy>;
  readonly model: Model;
}

/** One change with what is needed to verify and to undo it. */
export interface PlannedChange extends FieldValue {
  readonly adapter: string;
  readonly previous: JsonValue;
  /** Not to be applied after this: the wish is stale then. */
  readonly notAfter?: MonotonicMs;
}

/** Changes that are applied together: those of one adapter, or one group (in order, undone backwards). */
export interface PlannedCall {
  readonly group?: string;
  readonly changes: readonly PlannedChange[];
}

export interface Plan {
  /** Side by side. Empty: nothing is left to do in this pass. */
  readonly calls: readonly PlannedCall[];
  /** Fields that are not simply confirmed, as they stand if nothing more happens; planned ones are not among them. */
  readonly states: ReadonlyMap<FieldPointer, FieldState>;
  readonly adopt: readonly FieldValue[];
  readonly memory: Memory;
  /** The earliest retry or end of a lease. */
  readonly wakeAt: MonotonicMs | undefined;
}

/**
 * One round of a pass: what to apply now, and why the rest is not applied. Rounds repeat until there is nothing to
 * apply; a field that others depend on is seen converged before they are planned.
 */
export function plan(input: PlanInput, moment: Moment, limits: ReconcileLimits): Plan {
  const { judgements, states, memory } = judgeAll(input, moment, limits);
  const candidates = new Set<FieldPointer>();
  const adopt: FieldValue[] = [];
  for (const [field, judgement] of judgements) {
    if (judgement.kind === 'apply') candidates.add(field);
    else if (judgement.kind === 'adopt') adopt.push({ field, value: judgement.value });
  }
  const chosen = candidates.size === 0 ? [] : choose(input, candidates, { judgements, states, memory });
  const wakeAt = earliestWake(memory, judgements, moment.checkedAt);
  return { calls: callsFor(chosen, input, judgements), states, adopt, memory, wakeAt };
}

/** Those of the candidates that can be applied now; why the others have to wait is added to `states`. */
function choose(
  input: PlanInput,
  candidates: Set<FieldPointer>,
  { judgements, states, memory }: Judgements,
): readonly FieldPointer[] {
  holdDependants(input, candidates, judgements, states);
  holdGroups(input, candidates, judgements, states);
  const chosen = withoutSuspects([...candidates], memory, input.model);
  for (const field of candidates) {
    if (!chosen.includes(field)) states.set(field, retrying('careful', 'waits its turn after a restart in the middle'));
  }
  return chosen;
}

interface Judgements {
  readonly judgements: Map<FieldPointer, Judgement>;
  readonly states: Map<FieldPointer, FieldState>;
  readonly memory: Map<FieldPointer, FieldMemory>;
}

function judgeAll(input: PlanInput, moment: Moment, limits: ReconcileLimits): Judgements {
  const { desired, owned, readings, model } = input;
  const judgements = new Map<FieldPointer, Judgement>();
  const memory = new Map<FieldPointer, FieldMemory>();
  const known = desired === undefined ? undefined : wishOf(desired, input);
  const states = new Map(known?.strangers);
  for (const field of owned.keys()) {
    const wish = valueAt(desired, field);
    const reading = readings.get(field) ?? NOT_READ;
    if (wish === undefined) {
      if ('unreadable' in reading) {
        states.set(field, retrying(reading.unreadable.code, reading.unreadable.message));
      }
      continue;
    }
    const stampS = newestStampS(valueAt(input.stamps, field));
    const judged = judgeField(
      {
        memory: memoryOf(input.memory.get(field), { desired: wish, stampS }),
        reading,
        annotations: model.annotations(field),
        forbidden: known?.forbidden.get(field),
        busy: input.busy.get(field),
      },
      moment,
      limits,
    );
    memory.set(field, judged.memory);
    judgements.set(field, adoptable(field, judged.judgement, model));
    if (judged.judgement.kind === 'listed') states.set(field, judged.judgement.state);
  }
  return { judgements, states, memory };
}

/** What the model would refuse from an app is not adopted from the device either; the wish is enforced instead. */
function adoptable(field: FieldPointer, judgement: Judgement, model: Model): Judgement {
  if (judgement.kind !== 'adopt') return judgement;
  const allowed = model.violations(objectFromLeaves([[field, judgement.value]])).length === 0;
  return allowed ? judgement : { kind: 'apply' };
}

const NOT_READ: Reading = { unreadable: { code: 'not_read', message: 'the adapter did not read this field' } };

/** Leaves of desired that belong to no adapter: refused by name (B14), other fields of the same delta go on. */
function strangers(desired: JsonObject, { owned, model }: PlanInput): Map<FieldPointer, FieldState> {
  const states = new Map<FieldPointer, FieldState>();
  for (const [leaf, value] of leavesOf(desired)) {
    if (ownerOf(leaf, owned) !== undefined) continue;
    const above = [...owned.keys()].some((field) => overlaps({ left: field, right: leaf }));
    // An empty object above an owned field asks for nothing.
    if (above && isJsonObject(value)) continue;
    const annotations = model.annotations(leaf);
    if (annotations.momentary === true) {
      states.set(leaf, refused('momentary', 'an action, not a state: send it as a direct command'));
    } else if (model.knows(leaf)) {
      states.set(leaf, refused('no_adapter', 'nothing on this device drives this field'));
    } else {
      states.set(leaf, refused('unknown_field', 'this device has no such field'));
    }
  }
  return states;
}

function ownerOf(leaf: FieldPointer, owned: ReadonlyMap<FieldPointer, string>): FieldPointer | undefined {
  if (owned.has(leaf)) return leaf;
  for (let end = leaf.lastIndexOf('/'); end > 0; end = leaf.lastIndexOf('/', end - 1)) {
    const above = leaf.slice(0, end) as FieldPointer;
    if (owned.has(above)) return above;
  }
  return undefined;
}

type Forbidden = ReadonlyMap<FieldPointer, { readonly code: string; readonly message: string }>;

/** What can be said of a wish whatever the hardware shows. */
interface KnownWish {
  readonly owned: PlanInput['owned'];
  readonly model: Model;
  readonly strangers: ReadonlyMap<FieldPointer, FieldState>;
  readonly forbidden: Forbidden;
}

/** Every round of every pass asks again, and the answer cannot change. */
const KNOWN = new WeakMap<JsonObject, KnownWish>();

function wishOf(desired: JsonObject, input: PlanInput): KnownWish {
  const { owned, model } = input;
  const known = KNOWN.get(desired);
  if (known?.owned === owned && known.model === model) return known;
  const wish = { owned, model, strangers: strangers(desired, input), forbidden: forbiddenIn(desired, input) };
  KNOWN.set(desired, wish);
  return wish;
}

function forbiddenIn(desired: JsonObject, { owned, model }: Pick<PlanInput, 'owned' | 'model'>): Forbidden {
  const forbidden = new Map<FieldPointer, { code: string; message: string }>();
  const asked = [...owned.keys()].flatMap((field): [FieldPointer, JsonValue][] => {
    const value = valueAt(desired, field);
    return value === undefined ? [] : [[field, value]];
  });
  if (asked.length === 0) return forbidden;
  for (const { field, rule, message } of model.violations(objectFromLeaves(asked))) {
    const owner = ownerOf(field, owned);
    if (owner !== undefined && !forbidden.has(owner)) forbidden.set(owner, { code: rule, message });
  }
  return forbidden;
}

/** The newest `timestamp` at or below `stamps`, in whole seconds. */
export function newestStampS(stamps: JsonValue | undefined): number | undefined {
  if (typeof stamps !== 'object' || stamps === null) return undefined;
  let newest: number | undefined;
  const holder = stamps as JsonObject;
  for (const key in holder) {
    const value = holder[key] as JsonValue;
    const stamp = key === 'timestamp' && typeof value === 'number' ? value : newestStampS(value);
    if (stamp !== undefined && (newest === undefined || stamp > newest)) newest = stamp;
  }
  return newest;
}

/** C13: a field waits until those it depends on are converged, and is refused if one of them is. */
function holdDependants(
  { model }: PlanInput,
  candidates: Set<FieldPointer>,
  judgements: ReadonlyMap<FieldPointer, Judgement>,
  states: Map<FieldPointer, FieldState>,
): void {
  for (let changed = true; changed;) {
    changed = false;
    for (const field of candidates) {
      const annotations = model.annotations(field);
      const blocker = (annotations.dependsOn ?? []).find((other) => {
        const judgement = judgements.get(other);
        if (judgement === undefined || judgement.kind === 'converged') return false;
        // Members of one group are applied in order within one call.
        return !(candidates.has(other) && sameGroup(annotations, model.annotations(other)));
      });
      if (blocker === undefined) continue;
      const final = states.get(blocker)?.outcome === 'refused';
      states.set(
        field,
        final
          ? refused('dependency_refused', `needs ${blocker}, which is refused`)
          : retrying('dependency', `waits for ${blocker}`),
      );
      candidates.delete(field);
      changed = true;
    }
  }
}

function sameGroup(left: FieldAnnotations, right: FieldAnnotations): boolean {
  return left.group !== undefined && left.group === right.group;
}

/** A group is applied as a whole or not at all: what keeps one member back keeps all of them back. */
function holdGroups(
  { model }: PlanInput,
  candidates: Set<FieldPointer>,
  judgements: ReadonlyMap<FieldPointer, Judgement>,
  states: Map<FieldPointer, FieldState>,
): void {
  for (const field of [...candidates]) {
    const { group } = model.annotations(field);
    if (group === undefined) continue;
    const blocker = [...judgements.keys()].find(
      (other) =>
        model.annotations(other).group === group &&
        judgements.get(other)?.kind !== 'converged' &&
        !candidates.has(other),
    );
    if (blocker === undefined) continue;
    const final = states.get(blocker)?.outcome === 'refused';
    states.set(
      field,
      final
        ? refused('group_refused', `goes together with ${blocker}, which is refused`)
        : retrying('group_waiting', `goes together with ${blocker}, which has to wait`),
    );
    candidates.delete(field);
    // Those looked at before may belong to the same group.
    for (const other of [...candidates]) {
      if (model.annotations(other).group !== group) continue;
      states.set(other, states.get(field) as FieldState);
      candidates.delete(other);
    }
  }
}

/**
 * After a restart in the middle of an apply nobody knows which of several values brought the device down. Clean ones go
 * first; suspects follow one by one, so that the next restart names the culprit.
 */
function withoutSuspects(candidates: readonly FieldPointer[], memory: Memory, model: Model): readonly FieldPointer[] {
  const suspect = (field: FieldPointer) => (memory.get(field)?.crashes ?? 0) > 0;
  const groupOf = (field: FieldPointer) => model.annotations(field).group;
  const first = candidates.find(suspect);
  if (first === undefined) return candidates;
  const tainted = new Set(candidates.filter(suspect).map((field) => groupOf(field) ?? field));
  const clean = candidates.filter((field) => !tainted.has(groupOf(field) ?? field));
  if (clean.length > 0) return clean;
  return candidates.filter((field) => (groupOf(field) ?? field) === (groupOf(first) ?? first));
}

function callsFor(
  fields: readonly FieldPointer[],
  { desired, owned, readings, model }: PlanInput,
  judgements: ReadonlyMap<FieldPointer, Judgement>,
): readonly PlannedCall[] {
  if (fields.length === 0) return [];
  const calls = new Map<string, { group?: string; changes: PlannedChange[] }>();
  for (const field of inDependencyOrder(fields, model)) {
    const judgement = judgements.get(field);
    const adapter = owned.get(field);
    const value = valueAt(desired, field);
    const reading = readings.get(field);
    if (judgement?.kind !== 'apply' || adapter === undefined || value === undefined) continue;
    const { group } = model.annotations(field);
    const key = group === undefined ? `adapter ${adapter}` : `group ${group}`;
    const call = calls.get(key) ?? { ...(group === undefined ? {} : { group }), changes: [] };
    call.changes.push({
      field,
      value,
      adapter,
      previous: reading !== undefined && 'value' in reading ? reading.value : null,
      ...(judgement.notAfter === undefined ? {} : { notAfter: judgement.notAfter }),
    });
    calls.set(key, call);
  }
  return oneCallPerAdapter([...calls.values()]);
}

/** An adapter is never called twice at once; what it cannot take now is planned in the next round. */
function oneCallPerAdapter(calls: readonly PlannedCall[]): readonly PlannedCall[] {
  if (calls.length < 2) return calls;
  const taken = new Set<string>();
  return calls.filter(({ changes }) => {
    const adapters = new Set(changes.map(({ adapter }) => adapter));
    if ([...adapters].some((adapter) => taken.has(adapter))) return false;
    for (const adapter of adapters) taken.add(adapter);
    return true;
  });
}

function inDependencyOrder(fields: readonly FieldPointer[], model: Model): readonly FieldPointer[] {
  if (fields.length < 2) return fields;
  const rest = new Set(fields);
  const ordered: FieldPointer[] = [];
  while (rest.size > 0) {
    const free = [...rest].filter(
      (field) => !(model.annotations(field).dependsOn ?? []).some((other) => other !== field && rest.has(other)),
    );
    // A circle was refused when the model was loaded; here it must not become an endless loop.
    for (const field of free.length > 0 ? free : [...rest]) {
      ordered.push(field);
      rest.delete(field);
    }
  }
  return ordered;
}

/**
 * When waiting alone will change something. What is due already waits for something else (a busy adapter, a reading), and
 * must not wake us again and again.
 */
function earliestWake(
  memory: Memory,
  judgements: ReadonlyMap<FieldPointer, Judgement>,
  checkedAt: MonotonicMs,
): MonotonicMs | undefined {
  let earliest: MonotonicMs | undefined;
  for (const [field, { retry, lease, refused: final, deferred }] of memory) {
    if (judgements.get(field)?.kind !== 'listed' || final !== undefined || deferred !== undefined) continue;
    const due = lease?.endsAt ?? retry?.dueAt;
    if (due === undefined || due <= checkedAt) continue;
    if (earliest === undefined || due < earliest) earliest = due;
  }
  return earliest;
}

/** A circle among `dependsOn`, as its fields in order, or undefined. Fields of one group may not wait in a circle either. */
export function dependencyCircle(model: Model): readonly FieldPointer[] | undefined {
  const settled = new Set<FieldPointer>();
  const visit = (field: FieldPointer, path: readonly FieldPointer[]): readonly FieldPointer[] | undefined => {
    const at = path.indexOf(field);
    if (at >= 0) return path.slice(at);
    if (settled.has(field)) return undefined;
    for (const other of model.annotations(field).dependsOn ?? []) {
      const circle = visit(other, [...path, field]);
      if (circle !== undefined) return circle;
    }
    settled.add(field);
    return undefined;
  };
  for (const field of model.fields) {
    const circle = visit(field, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}
