import { monotonicMs, type EpochMs, type FieldPointer } from '../core/brand.ts';
import { isOpenCommand } from '../core/command/clocks.ts';
import type { Desk, DeskStep } from '../core/desk/desk.ts';
import { DRIFT_CAUSES, type DriftEntry, type IgnoreRule } from '../core/drift/drift.ts';
import {
  acknowledged,
  driftAfter,
  driftFrom,
  NO_DRIFT,
  withEnded,
  type DriftState,
} from '../core/drift/drift-state.ts';
import { problem } from '../core/problem.ts';
import { done, fail, ok, type Result } from '../core/result.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { CommitReceipt, Ledger, LedgerChange } from '../ports/ledger.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { CountedRule, NewIgnoreRule } from './cloud.ts';
import type { DeskEntry } from './desk-entry.ts';
import type { Ids } from './ids.ts';
import type { Recorder } from './recorder.ts';
import type { SteadyTime } from './steady-time.ts';

export interface DriftIndexOptions {
  readonly ledger: Ledger;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly time: SteadyTime;
  readonly metrics: Metrics;
  readonly ids: Ids;
  readonly open: (ref: ShadowRef) => Promise<DeskEntry>;
}

const PAGE = 200;

/** Keeps the drift report in step with the desks: after every step, for the fields it touched. */
export class DriftIndex {
  readonly #options: DriftIndexOptions;
  readonly #states = new WeakMap<DeskEntry, DriftState>();
  #rules: readonly IgnoreRule[] = [];
  #expiry: Cancel | undefined;

  constructor(options: DriftIndexOptions) {
    this.#options = options;
  }

  async start(): Promise<Result<void>> {
    const rules = await this.#options.ledger.ignoreRules();
    if (!rules.ok) return rules;
    this.#rules = rules.value;
    this.#armExpiry();
    return done;
  }

  stop(): void {
    this.#expiry?.();
  }

  async countedRules(): Promise<Result<readonly CountedRule[]>> {
    const counted: CountedRule[] = [];
    for (const rule of this.#rules) {
      const each = await this.#counted(rule);
      if (!each.ok) return each;
      counted.push(each.value);
    }
    return ok(counted);
  }

  hasRule(id: string): boolean {
    return this.#rules.some((rule) => rule.id === id);
  }

  /** Looks only where the rule can hide something. */
  async #counted(rule: IgnoreRule): Promise<Result<CountedRule>> {
    const { id, thing } = rule;
    const where = thing.endsWith('*')
      ? { thingPrefix: thing.slice(0, -1) }
      : { thingName: thing as ShadowRef['thingName'] };
    const all = { includeIgnored: true, includeAcknowledged: true };
    const counts = await this.#options.ledger.driftCounts({ ...where, ...all, ruleId: id });
    return counts.ok ? ok({ rule, hides: counts.value.fields }) : counts;
  }

  /** All there is to know of its drift is in the view and in the ledger. */
  isQuiet(entry: DeskEntry): boolean {
    const state = this.#states.get(entry);
    return state === undefined || (state.entries.size === 0 && state.ended.size === 0);
  }

  /** What the step changed in the report, to be stored with the step. */
  onStep(entry: DeskEntry, before: Desk, step: DeskStep): readonly LedgerChange[] {
    const { desk } = step;
    let state = this.#stateOf(entry);
    const fields: FieldPointer[] = [];
    for (const change of step.changes) {
      if (change.type !== 'command') continue;
      const { command } = change;
      const was = before.commands.get(command.id);
      if (was !== undefined && was.fields === command.fields && was.status === command.status) continue;
      for (const { field } of command.fields) fields.push(field);
      if (isOpenCommand(command)) continue;
      const after = withEnded(state, command);
      state = after.state;
    }
    const everything = step.touched === undefined;
    if (desk.word !== before.word || desk.presence.state !== before.presence.state)
      fields.push(...state.entries.keys());
    if (!everything && step.touched.length === 0 && fields.length === 0) return [];
    return this.#advance(entry, state, everything ? undefined : [...step.touched, ...fields]);
  }

  async acknowledge(
    entry: DeskEntry,
    field: FieldPointer,
    by: { by: string; reason?: string },
  ): Promise<Result<DriftEntry>> {
    const state = this.#stateOf(entry);
    const known = state.entries.get(field);
    const step = acknowledged(state, field, { ...by, at: this.#options.time.now() });
    if (step === undefined || known === undefined) return fail(problem('not_found', `no drift at ${field}`));
    this.#states.set(entry, step.state);
    const stored = await this.#commit(changesOf(entry, step.changed));
    return stored.ok ? ok(step.changed.get(field) ?? known) : stored;
  }

  async addRule(request: NewIgnoreRule): Promise<Result<CountedRule>> {
    const { by, ...rest } = request;
    const now = this.#options.time.now();
    const flaw = ruleFlaw(request, now);
    if (flaw !== undefined) return fail(flaw);
    const rule: IgnoreRule = { ...rest, id: this.#options.ids.next(), by: by.name, createdAt: now };
    const stored = await this.#commit([{ type: 'ignore_rule', rule }]);
    if (!stored.ok) return stored;
    await this.#use([...this.#rules, rule]);
    return this.#counted(rule);
  }

  async removeRule(id: string): Promise<Result<void>> {
    if (!this.hasRule(id)) return fail(problem('not_found', 'no such ignore rule'));
    const stored = await this.#commit([{ type: 'ignore_rule_gone', id }]);
    if (!stored.ok) return stored;
    await this.#use(this.#rules.filter((rule) => rule.id !== id));
    return done;
  }

  /** As the ledger counts, which has the shadows that are not in memory, too. */
  async measure(): Promise<void> {
    const counted = await this.#options.ledger.driftCounts({});
    if (!counted.ok) return;
    const { byCause } = counted.value;
    for (const cause of DRIFT_CAUSES) this.#options.metrics.set('shadow_drift_fields', byCause[cause] ?? 0, { cause });
  }

  #stateOf(entry: DeskEntry): DriftState {
    const known = this.#states.get(entry);
    if (known !== undefined) return known;
    const kept = entry.kept;
    const state =
      kept === undefined ? NO_DRIFT : driftFrom({ ...kept, entries: kept.drift, view: kept.view }, entry.model);
    entry.kept = undefined;
    this.#states.set(entry, state);
    return state;
  }

  #advance(entry: DeskEntry, state: DriftState, touched: readonly FieldPointer[] | undefined): readonly LedgerChange[] {
    const { desk } = entry;
    if (desk === undefined) return [];
    const now = this.#options.time.now();
    const step = driftAfter(state, desk, touched, { model: entry.model, rules: this.#rules, now });
    this.#states.set(entry, step.state);
    for (const [field, after] of step.changed) {
      const before = state.entries.get(field);
      if (before === undefined || after !== undefined) continue;
      this.#options.metrics.observe('shadow_drift_age_seconds', Math.max(0, now - before.firstSeenAt) / 1000);
    }
    const flapped = step.flapped.map((each): LedgerChange => ({ type: 'flapped', ref: entry.ref, flapped: each }));
    return [...changesOf(entry, step.changed), ...flapped];
  }

  /** Rules changed: every entry, also of shadows that are not in memory, is looked at again. */
  async #use(rules: readonly IgnoreRule[]): Promise<void> {
    this.#rules = rules;
    this.#armExpiry();
    const { ledger, open, recorder } = this.#options;
    await recorder.flush();
    let cursor: string | undefined;
    do {
      const page = await ledger.drift(
        { includeIgnored: true, includeAcknowledged: true, sort: 'thing' },
        { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) },
      );
      if (!page.ok) return;
      for (const { ref } of page.value.items) {
        const entry = await open(ref);
        const changes = this.#advance(entry, this.#stateOf(entry), undefined);
        if (changes.length > 0) recorder.defer(changes);
      }
      cursor = page.value.next;
    } while (cursor !== undefined);
    await recorder.flush();
  }

  #armExpiry(): void {
    const { time, clock } = this.#options;
    this.#expiry?.();
    const now = time.now();
    const ends = this.#rules.flatMap(({ expiresAt }) =>
      expiresAt !== undefined && expiresAt > now ? [expiresAt] : [],
    );
    if (ends.length === 0) return;
    const first = Math.min(...ends) as EpochMs;
    this.#expiry = clock.at(monotonicMs(time.due(first)), () => void this.#use(this.#rules));
  }

  #commit(changes: readonly LedgerChange[]): Promise<Result<CommitReceipt>> {
    return new Promise((resolve) => this.#options.recorder.commit(changes, resolve, { refusable: true }));
  }
}

function changesOf(entry: DeskEntry, changed: ReadonlyMap<FieldPointer, DriftEntry | undefined>): LedgerChange[] {
  return [...changed].map(([field, drift]) =>
    drift === undefined ? { type: 'drift_gone', ref: entry.ref, field } : { type: 'drift', entry: drift },
  );
}

function ruleFlaw(
  { thing, field, reason, expiresAt }: NewIgnoreRule,
  now: EpochMs,
): ReturnType<typeof problem> | undefined {
  if (reason.trim() === '') return problem('invalid_request', 'an ignore rule has a reason', { at: '/reason' });
  if (thing === '' || thing.slice(0, -1).includes('*')) {
    return problem('invalid_request', 'a thing name, or a prefix followed by *', { at: '/thing' });
  }
  if (!/^(\*|\/)/.test(field) || field.slice(0, -1).includes('*')) {
    return problem('invalid_request', 'a field, or a prefix followed by *', { at: '/field' });
  }
  return expiresAt !== undefined && expiresAt <= now
    ? problem('invalid_request', 'expiresAt is past', { at: '/expiresAt' })
    : undefined;
}
