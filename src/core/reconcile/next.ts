import { epochMs, monotonicMs, type ClientToken, type MonotonicMs } from '../brand.ts';
import { unreachable } from '../assert.ts';
import { jsonEqual } from '../json/json-equal.ts';
import { objectFromLeaves, valueAt } from '../json/json-pointer.ts';
import type { JsonObject } from '../json/json.ts';
import type { Model } from '../model/model.ts';
import { fullJitter, spread } from './backoff.ts';
import type { ReconcileLimits } from './limits.ts';
import { buildReport } from './report.ts';
import type { Ask, Note, PassOutcome, ShadowEffect, ShadowState, TimerName, UpdateBody } from './shadow-state.ts';
import { advanced, type AcceptedPatch, type DeviceView } from './view.ts';

export type ShadowEvent =
  /** Connected, and every subscription acknowledged. */
  | { readonly type: 'up' }
  | { readonly type: 'down' }
  | {
      readonly type: 'document';
      readonly clientToken?: ClientToken;
      readonly view: DeviceView;
      /** Whole seconds of service time. */
      readonly timestampS?: number;
    }
  | { readonly type: 'get_rejected'; readonly clientToken?: ClientToken; readonly code: number }
  | { readonly type: 'accepted'; readonly patch: AcceptedPatch }
  | { readonly type: 'delta'; readonly version: number; readonly clientToken?: ClientToken }
  | {
      readonly type: 'update_rejected';
      readonly clientToken?: ClientToken;
      readonly code: number;
      readonly message: string;
    }
  | { readonly type: 'deleted'; readonly version: number }
  | { readonly type: 'pass_ended'; readonly outcome: PassOutcome }
  /** A state adapter says that the hardware changed by itself or by hand. */
  | { readonly type: 'local_change' }
  /** An adapter's call that outlasted its pass has finished. */
  | { readonly type: 'call_settled' }
  | { readonly type: 'tick' }
  | { readonly type: 'stop' };

export interface NextContext {
  readonly now: MonotonicMs;
  /** Uniform in [0, 1). */
  readonly fraction: number;
  /** What our tokens start with; new for every start of the device. */
  readonly tokenPrefix: string;
  readonly model: Model;
  readonly limits: ReconcileLimits;
}

export interface Step {
  readonly state: ShadowState;
  readonly effects: readonly ShadowEffect[];
}

/**
 * The conversation over one shadow: state and event give the next state and what to do.
 *
 * Order      Patches apply one version after the other; what is older than the view is dropped; a gap is asked for once.
 * Pass       One at a time. Whatever happens during a pass merges into one more pass after it.
 * Reports    One in flight. What a pass found in the meantime waits behind it and replaces what waited before.
 * Silence    Without a wake-up call, and with nothing new to say, nothing is sent.
 */
export function next(state: ShadowState, event: ShadowEvent, context: NextContext): Step {
  const talk = new Conversation(state, context);
  talk.take(event);
  talk.startPass();
  talk.tryReport();
  return talk.step();
}

type Draft = { -readonly [K in keyof ShadowState]: ShadowState[K] };

/** Patches kept while their predecessors are missing; beyond that a get is due anyway. */
const HELD_MAX = 32;
const CONFLICT_BASE_MS = 50;
const CONFLICT_CAP_MS = 5_000;
/** Below this a document is too small to be worth another try. */
const BYTES_MIN = 512;

/** One step in the making. Lives only inside `next`, works on its own copy of the state. */
class Conversation {
  readonly #draft: Draft;
  readonly #timers: { [Name in TimerName]?: MonotonicMs };
  readonly #effects: ShadowEffect[] = [];
  readonly #context: NextContext;

  constructor(state: ShadowState, context: NextContext) {
    this.#draft = { ...state };
    this.#timers = { ...state.timers };
    this.#context = context;
  }

  step(): Step {
    // Copies: what had members deleted takes several times the memory, and a device keeps its state for long.
    return { state: { ...this.#draft, timers: { ...this.#timers } }, effects: this.#effects };
  }

  take(event: ShadowEvent): void {
    switch (event.type) {
      case 'up':
        this.#disconnected();
        this.#draft.link = 'up';
        return this.#askNow();
      case 'down':
        return this.#disconnected();
      case 'document':
        return this.#document(event);
      case 'get_rejected':
        return this.#getRejected(event);
      case 'accepted':
        return this.#accepted(event.patch);
      case 'delta':
        return this.#delta(event);
      case 'update_rejected':
        return this.#updateRejected(event);
      case 'deleted':
        return this.#deleted(event.version);
      case 'pass_ended':
        return this.#passEnded(event.outcome);
      case 'local_change':
        return this.#localChange();
      case 'call_settled':
        return this.#want('look');
      case 'tick':
        return this.#tick();
      case 'stop':
        this.#draft.stopping = true;
        return;
      default:
        return unreachable(event);
    }
  }

  #disconnected(): void {
    const draft = this.#draft;
    draft.link = 'down';
    draft.synced = false;
    draft.held = [];
    // What a 413 taught is forgotten: the account's limit may have been raised, and another one costs a report.
    draft.bytesMax = this.#context.limits.documentBytesMax;
    delete draft.ask;
    delete draft.awaiting;
    delete draft.service;
    delete draft.report;
    delete draft.outcome;
    delete draft.wanted;
    for (const name of Object.keys(this.#timers) as TimerName[]) delete this.#timers[name];
  }

  // ── asking ──

  #askNow(): void {
    const draft = this.#draft;
    if (draft.link === 'down' || draft.ask !== undefined) return;
    const token = this.#token();
    const told = Math.max(draft.awaiting ?? 0, draft.held.at(-1)?.version ?? 0);
    const ask: Ask = { token, told, ...(draft.view === undefined ? {} : { versionThen: draft.view.version }) };
    draft.ask = ask;
    this.#timers.ask = this.#in(this.#context.limits.answerTimeoutMs);
    delete this.#timers.gap;
    this.#effects.push({ type: 'get', token });
  }

  #askLater(baseMs: number, capMs: number): void {
    delete this.#draft.ask;
    this.#draft.asksFailed += 1;
    const attempt = this.#draft.asksFailed;
    this.#timers.ask = this.#in(fullJitter({ attempt, baseMs, capMs, fraction: this.#context.fraction }));
  }

  #document({ clientToken, view, timestampS }: Extract<ShadowEvent, { type: 'document' }>): void {
    const { ask } = this.#draft;
    // Answers to other people's gets, and to our own earlier ones, may be older than what we know (A13).
    if (ask === undefined || clientToken !== ask.token) return;
    this.#answered();
    const draft = this.#draft;
    const { now } = this.#context;
    if (timestampS !== undefined) draft.service = { at: epochMs(timestampS * 1_000), since: now };
    const known = draft.view;
    if (known !== undefined && ask.versionThen !== undefined && view.version < ask.versionThen) {
      this.#newIncarnation();
      draft.view = view;
    } else if (known === undefined || view.version >= known.version) {
      draft.view = view;
    }
    this.#drain();
    this.#checkTold(ask);
    draft.woken = Math.max(draft.woken, draft.view?.version ?? 0);
    this.#want(draft.view?.version === draft.lastOwnVersion ? 'look' : 'answer');
  }

  #answered(): void {
    const draft = this.#draft;
    delete draft.ask;
    delete this.#timers.ask;
    draft.asksFailed = 0;
    draft.synced = true;
    draft.checkedAt = this.#context.now;
    const { resyncMs } = this.#context.limits;
    this.#timers.resync = this.#in(spread({ lengthMs: resyncMs, share: 0.2, fraction: this.#context.fraction }));
  }

  #newIncarnation(): void {
    const draft = this.#draft;
    draft.incarnation += 1;
    draft.held = [];
    draft.woken = 0;
    delete draft.awaiting;
    delete draft.lastOwnVersion;
    this.#note('info', 'the shadow began a new life', { incarnation: draft.incarnation });
  }

  /** A version that we were told of before we asked, and that the answer does not know, was an old tale or a forged one (R9). */
  #checkTold({ told }: Ask): void {
    const draft = this.#draft;
    const version = draft.view?.version ?? 0;
    draft.held = draft.held.filter((patch) => patch.version > Math.max(told, version));
    if (draft.awaiting !== undefined && draft.awaiting <= Math.max(told, version)) delete draft.awaiting;
    if (draft.awaiting !== undefined || draft.held.length > 0) this.#waitForGap();
  }

  #getRejected({ clientToken, code }: Extract<ShadowEvent, { type: 'get_rejected' }>): void {
    const draft = this.#draft;
    if (draft.ask === undefined || clientToken !== draft.ask.token) return;
    if (code !== 404) {
      this.#note('warn', 'the shadow service did not answer a get', { code });
      return this.#askLater(1_000, this.#context.limits.retryCapMs);
    }
    this.#answered();
    if (draft.view !== undefined) this.#newIncarnation();
    delete draft.view;
    delete draft.lastOwnVersion;
    draft.held = [];
    // R87: the shadow is created by reporting.
    this.#want('answer');
  }

  // ── following the document ──

  #accepted(patch: AcceptedPatch): void {
    const draft = this.#draft;
    const own = draft.report !== undefined && patch.clientToken === draft.report.token;
    if (own) this.#reportAccepted(patch);
    if (!draft.synced || draft.view === undefined) {
      // Known only after the get: the first one of a connection, or the one that follows a creation.
      if (draft.synced) this.#askNow();
      return this.#hold(patch);
    }
    if (patch.version <= draft.view.version) return;
    this.#hold(patch);
    this.#drain();
    if (draft.held.length > 0) this.#waitForGap();
  }

  #hold(patch: AcceptedPatch): void {
    const held = this.#draft.held.filter(({ version }) => version !== patch.version);
    const at = held.findIndex(({ version }) => version > patch.version);
    held.splice(at < 0 ? held.length : at, 0, patch);
    this.#draft.held = held.slice(-HELD_MAX);
  }

  /** Applies what comes next in order and drops what is older than the view. */
  #drain(): void {
    const draft = this.#draft;
    let view = draft.view;
    if (view === undefined) return;
    let taken = 0;
    for (const patch of draft.held) {
      if (patch.version > view.version + 1) break;
      taken += 1;
      if (patch.version <= view.version) continue;
      view = advanced(view, patch);
      draft.view = view;
      this.#wokenBy(patch);
    }
    if (taken > 0) draft.held = draft.held.slice(taken);
    if (draft.awaiting !== undefined && draft.awaiting <= view.version) {
      draft.woken = Math.max(draft.woken, draft.awaiting);
      delete draft.awaiting;
      this.#want('answer');
    }
    if (draft.awaiting === undefined && draft.held.length === 0) delete this.#timers.gap;
  }

  #wokenBy({ version, clientToken, desired, reported }: AcceptedPatch): void {
    const draft = this.#draft;
    if (this.#isOurs(clientToken)) {
      // An adoption: the next look finds the new wish fulfilled.
      if (desired !== undefined) this.#want('look');
      return;
    }
    if (desired !== undefined) {
      draft.woken = Math.max(draft.woken, version);
      if (desired !== null) this.#effects.push({ type: 'rearm', desired });
      this.#want('answer');
    } else if (reported === undefined) {
      this.#effects.push({ type: 'nudge' });
    }
    // Somebody else wrote what only the device knows: look, and put it right.
    if (reported !== undefined) this.#want('look');
  }

  #delta({ version, clientToken }: Extract<ShadowEvent, { type: 'delta' }>): void {
    const draft = this.#draft;
    // Our own reports cause deltas too (R61, R106).
    if (this.#isOurs(clientToken) || version <= draft.woken) return;
    if (draft.synced && draft.view !== undefined && version <= draft.view.version) {
      draft.woken = version;
      return this.#want('answer');
    }
    draft.awaiting = Math.max(draft.awaiting ?? 0, version);
    if (draft.synced) this.#waitForGap();
  }

  #waitForGap(): void {
    this.#timers.gap ??= this.#in(this.#context.limits.gapMs);
  }

  #deleted(version: number): void {
    const draft = this.#draft;
    if (draft.link === 'down') return;
    // A deletion of what is no longer there (B10): the get below tells.
    if (draft.view === undefined || version >= draft.view.version) {
      if (draft.view !== undefined) this.#newIncarnation();
      delete draft.view;
      delete draft.outcome;
      draft.synced = false;
    }
    delete draft.ask;
    this.#askNow();
  }

  // ── passes ──

  #want(kind: 'look' | 'answer'): void {
    if (this.#draft.wanted !== 'answer') this.#draft.wanted = kind;
  }

  startPass(): void {
    const draft = this.#draft;
    const { wanted } = draft;
    if (wanted === undefined || !draft.synced || draft.running !== undefined || draft.stopping) return;
    delete draft.wanted;
    draft.running = draft.incarnation;
    this.#effects.push({ type: 'pass', view: draft.view, must: wanted === 'answer' });
  }

  #passEnded(outcome: PassOutcome): void {
    const draft = this.#draft;
    const ofThisLife = draft.running === draft.incarnation;
    draft.running = undefined;
    // What was decided in an earlier life of the shadow claims a version that means nothing in this one.
    if (!ofThisLife) this.#want('answer');
    if (!draft.synced || !ofThisLife) return;
    const waiting = draft.outcome;
    draft.outcome = waiting?.must === true ? { ...outcome, must: true } : outcome;
    if (outcome.unfinished) this.#want('look');
    if (outcome.wakeAt === undefined) delete this.#timers.retry;
    else this.#timers.retry = outcome.wakeAt;
    const { pollMs } = this.#context.limits;
    this.#timers.poll = this.#in(spread({ lengthMs: pollMs, share: 0.1, fraction: this.#context.fraction }));
  }

  /** C11: the first change is looked at once, changes in a row ever more slowly. */
  #localChange(): void {
    const draft = this.#draft;
    const { now, limits } = this.#context;
    if (!draft.synced || this.#timers.local !== undefined) return;
    const { lastAt, spacingMs } = draft.local;
    if (now - lastAt >= spacingMs * 10) draft.local = { lastAt, spacingMs: limits.localSpacingMs };
    if (now - lastAt < draft.local.spacingMs) {
      this.#timers.local = monotonicMs(lastAt + draft.local.spacingMs);
      return;
    }
    this.#lookAtLocalChange(now - lastAt < spacingMs * 10);
  }

  #lookAtLocalChange(inARow: boolean): void {
    const { now, limits } = this.#context;
    const { spacingMs } = this.#draft.local;
    const slower = inARow ? Math.min(spacingMs * 2, limits.localSpacingCapMs) : spacingMs;
    this.#draft.local = { lastAt: now, spacingMs: slower };
    this.#want('look');
  }

  // ── reports ──

  tryReport(): void {
    const draft = this.#draft;
    const { outcome, view } = draft;
    if (!draft.synced || draft.report !== undefined || outcome === undefined) return;
    if (this.#timers.resend !== undefined) return;
    delete draft.outcome;
    const built = buildReport({
      desired: view?.desired,
      believed: view?.reported,
      readings: outcome.readings,
      states: outcome.states,
      version: outcome.version,
      model: this.#context.model,
      must: outcome.must,
      bytesMax: draft.bytesMax,
    });
    const adopt = this.#adoption(outcome);
    if (built === undefined && adopt === undefined) return;
    if (built?.trimmed !== undefined) {
      this.#note(built.trimmed === 'values' ? 'error' : 'warn', 'the report was trimmed to fit the shadow', {
        trimmed: built.trimmed,
        bytesMax: draft.bytesMax,
      });
    }
    const clientToken = this.#token();
    const body: UpdateBody = {
      state: {
        ...(built === undefined ? {} : { reported: built.patch }),
        ...(adopt === undefined ? {} : { desired: adopt.desired }),
      },
      ...(adopt === undefined ? {} : { version: adopt.version }),
      clientToken,
    };
    draft.report = { token: clientToken, outcome, adopting: adopt !== undefined };
    this.#timers.report = this.#in(this.#context.limits.answerTimeoutMs);
    this.#effects.push({ type: 'update', body });
  }

  /** Guarded by the version we know: any change we have not seen makes it fail (409), and the next pass decides anew. */
  #adoption({ adopt }: PassOutcome): { desired: JsonObject; version: number } | undefined {
    const { view, adoptConflicts } = this.#draft;
    if (view === undefined || adoptConflicts >= this.#context.limits.adoptConflictsMax) return undefined;
    const still = adopt.filter(({ field, was }) => {
      const wish = valueAt(view.desired, field);
      return wish !== undefined && jsonEqual(wish, was);
    });
    if (still.length === 0) return undefined;
    return { desired: objectFromLeaves(still.map(({ field, value }) => [field, value])), version: view.version };
  }

  #reportAccepted({ version, stampS }: AcceptedPatch): void {
    const draft = this.#draft;
    // Where no get found a shadow, the answer to the report that creates it is the first to tell the time.
    if (draft.service === undefined && stampS !== undefined) {
      draft.service = { at: epochMs(stampS * 1_000), since: this.#context.now };
    }
    if (draft.report?.adopting === true) draft.adoptConflicts = 0;
    this.#reportEnded();
    draft.reportsRefused = 0;
    draft.lastOwnVersion = version;
    this.#effects.push({ type: 'remember' });
  }

  #reportEnded(): void {
    delete this.#draft.report;
    delete this.#timers.report;
  }

  #updateRejected({ clientToken, code, message }: Extract<ShadowEvent, { type: 'update_rejected' }>): void {
    const draft = this.#draft;
    const { report } = draft;
    if (report === undefined || clientToken !== report.token) return;
    this.#reportEnded();
    draft.reportsRefused += 1;
    if (code === 409) return this.#conflict(report.adopting);
    if (code === 413 && draft.bytesMax > BYTES_MIN) {
      draft.bytesMax = Math.max(BYTES_MIN, Math.floor(draft.bytesMax * 0.75));
      draft.outcome ??= report.outcome;
      return;
    }
    if (code === 429 || code >= 500) {
      draft.outcome ??= report.outcome;
      if (report.outcome.must) draft.outcome = { ...draft.outcome, must: true };
      this.#note('warn', 'the shadow service cannot take a report now', { code });
      this.#timers.resend = this.#in(this.#backoff(draft.reportsRefused));
      return;
    }
    // Asking again at once would be a loop; the next wake-up or resync says it anew.
    this.#note('error', 'the shadow service refused a report', { code, said: message });
  }

  #conflict(adopting: boolean): void {
    const draft = this.#draft;
    if (adopting) {
      draft.adoptConflicts += 1;
      if (draft.adoptConflicts === this.#context.limits.adoptConflictsMax) {
        this.#note('warn', 'desired changed too often to adopt a local change', { conflicts: draft.adoptConflicts });
      }
    }
    if (draft.ask !== undefined) return;
    const attempt = draft.reportsRefused;
    const { fraction } = this.#context;
    this.#timers.ask = this.#in(fullJitter({ attempt, baseMs: CONFLICT_BASE_MS, capMs: CONFLICT_CAP_MS, fraction }));
  }

  // ── time ──

  #tick(): void {
    const due = (name: TimerName): boolean => {
      const at = this.#timers[name];
      if (at === undefined || at > this.#context.now) return false;
      delete this.#timers[name];
      return true;
    };
    if (due('ask')) this.#askDue();
    if (due('report')) this.#reportUnanswered();
    due('resend');
    if (due('gap')) this.#askNow();
    // A delayed retry first checks that the value is still desired; the answer starts the pass.
    if (due('retry')) this.#askNow();
    if (due('resync')) {
      this.#draft.adoptConflicts = 0;
      this.#askNow();
    }
    if (due('poll')) this.#want('look');
    if (due('local')) this.#lookAtLocalChange(true);
  }

  #askDue(): void {
    if (this.#draft.ask === undefined) return this.#askNow();
    this.#note('warn', 'a get was not answered in time');
    this.#askLater(1_000, 60_000);
  }

  /** Nobody knows whether it landed: the document tells. */
  #reportUnanswered(): void {
    this.#note('warn', 'a report was not answered in time');
    this.#reportEnded();
    this.#draft.reportsRefused += 1;
    this.#askNow();
  }

  // ── small things ──

  #token(): ClientToken {
    this.#draft.tokens += 1;
    return `${this.#context.tokenPrefix}${this.#draft.tokens.toString(36)}` as ClientToken;
  }

  #isOurs(token: ClientToken | undefined): boolean {
    return token?.startsWith(this.#context.tokenPrefix) === true;
  }

  #in(lengthMs: number): MonotonicMs {
    return monotonicMs(this.#context.now + lengthMs);
  }

  #backoff(attempt: number): number {
    const { retryBaseMs, retryCapMs } = this.#context.limits;
    return fullJitter({ attempt, baseMs: retryBaseMs, capMs: retryCapMs, fraction: this.#context.fraction });
  }

  #note(level: Note['level'], message: string, fields?: Note['fields']): void {
    this.#effects.push({ type: 'note', note: { level, message, ...(fields === undefined ? {} : { fields }) } });
  }
}
