import { monotonicMs, type CommandId } from '../core/brand.ts';
import { problem, type Problem } from '../core/problem.ts';
import { fail, type Result } from '../core/result.ts';
import { shadowKey } from '../core/shadow/shadow-ref.ts';
import type { ShadowView } from '../core/view/view.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { CommitReceipt, Ledger, LedgerChange } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';

/** How long a change that nobody waits for may wait for the next commit to share. */
const LAZY_MS = 20;
/** Views follow every message; the ledger gets the newest of each this often. A lost one is read again by `get`. */
const VIEWS_MS = 1_000;
const RETRY_MS = 500;
const RETRY_MS_MAX = 10_000;

interface Batch {
  readonly changes: readonly LedgerChange[];
  /** May be refused to its author; everything else is kept and tried again until it is stored. */
  readonly refusable: boolean;
  readonly settle: (result: Result<CommitReceipt>) => void;
}

/**
 * The way into the ledger. What must be durable before anybody hears of it is committed at once, and takes along what
 * was waiting; the order of steps is kept. While the ledger refuses, new commands are refused too, and what has already
 * happened waits here until it can be stored.
 */
export class Recorder {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onDurable: (changes: readonly LedgerChange[], receipt: CommitReceipt) => void;
  #lazy: LedgerChange[] = [];
  #lazyTimer: Cancel | undefined;
  readonly #views = new Map<string, ShadowView>();
  #viewTimer: Cancel | undefined;
  #backlog: Batch[] = [];
  /** Commands whose first commit is under way and may be refused, with what became of them since: it waits for that. */
  readonly #creating = new Map<CommandId, LedgerChange[]>();
  #trouble: Problem | undefined;
  #retryTimer: Cancel | undefined;
  #retryMs = RETRY_MS;
  #retrying: Promise<void> | undefined;
  #underWay = 0;
  #idle: (() => void)[] = [];
  #closed = false;

  constructor(
    { ledger, clock, log }: { ledger: Ledger; clock: Clock; log: Log },
    onDurable: (changes: readonly LedgerChange[], receipt: CommitReceipt) => void,
  ) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#log = log;
    this.#onDurable = onDurable;
  }

  /** The reason why the ledger takes nothing at the moment. */
  get trouble(): Problem | undefined {
    return this.#trouble;
  }

  /** Durable at once; `settle` runs when it is. With `refusable` a failure is the caller's, and nothing is kept. */
  commit(
    changes: readonly LedgerChange[],
    settle: (result: Result<CommitReceipt>) => void,
    { refusable = false }: { refusable?: boolean } = {},
  ): void {
    if (this.#trouble !== undefined) {
      if (refusable) settle(fail(this.#trouble));
      else this.#backlog.push({ changes: this.#withoutCreating(changes), refusable, settle });
      return;
    }
    if (this.#lazy.length > 0) this.#flushLazy();
    this.#send({ changes: this.#withoutCreating(changes), refusable, settle });
  }

  /** Durable with the next commit, or soon. */
  defer(changes: readonly LedgerChange[]): void {
    for (const change of changes) this.#lazy.push(change);
    this.#lazyTimer ??= this.#after(LAZY_MS, () => this.#flushLazy());
  }

  /** Durable some time; only the newest of a shadow counts. */
  deferView(view: ShadowView): void {
    this.#views.set(shadowKey(view.ref), view);
    this.#viewTimer ??= this.#after(VIEWS_MS, () => this.#flushViews());
  }

  /** Settles when nothing waits or is under way, or the ledger refuses. */
  async flush(): Promise<void> {
    this.#flushViews();
    this.#flushLazy();
    if (this.#trouble !== undefined) await this.#retry();
    while (this.#underWay > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Settles when all that was handed over before is durable; false: the ledger refuses, and it waits. */
  async stored(): Promise<boolean> {
    this.#flushViews();
    this.#flushLazy();
    const kept = this.#creating.size > 0;
    let last = await this.#ledger.commit([]);
    if (kept) {
      // What was kept back for a command that was being created is handed over by now.
      this.#flushLazy();
      last = await this.#ledger.commit([]);
    }
    return last.ok && this.#trouble === undefined;
  }

  async close(): Promise<void> {
    await this.flush();
    this.#closed = true;
    for (const cancel of [this.#lazyTimer, this.#viewTimer, this.#retryTimer]) cancel?.();
    const closed = problem('ledger_unavailable', 'the server is stopping');
    for (const { settle } of this.#backlog.splice(0)) settle(fail(closed));
  }

  #after(ms: number, run: () => void): Cancel {
    return this.#clock.at(monotonicMs(this.#clock.monotonic() + ms), run);
  }

  #flushLazy(): void {
    this.#lazyTimer?.();
    this.#lazyTimer = undefined;
    if (this.#lazy.length === 0) return;
    const changes = this.#withoutCreating(this.#lazy);
    this.#lazy = [];
    const batch: Batch = { changes, refusable: false, settle: () => undefined };
    if (this.#trouble === undefined) this.#send(batch);
    else this.#backlog.push(batch);
  }

  #flushViews(): void {
    this.#viewTimer?.();
    this.#viewTimer = undefined;
    if (this.#views.size === 0) return;
    const views = [...this.#views.values()];
    this.#views.clear();
    this.defer(views.map((view) => ({ type: 'view', view })));
  }

  /** Keeps back what concerns a command that may yet turn out never to have been. */
  #withoutCreating(changes: readonly LedgerChange[]): readonly LedgerChange[] {
    if (this.#creating.size === 0) return changes;
    return changes.filter((change) => {
      const held = this.#creating.get(commandOf(change) as CommandId);
      held?.push(change);
      return held === undefined;
    });
  }

  #send(batch: Batch): void {
    this.#underWay += 1;
    const created = batch.refusable ? batch.changes.flatMap(createdIn) : [];
    for (const id of created) this.#creating.set(id, []);
    void this.#ledger.commit(batch.changes).then((result) => {
      this.#underWay -= 1;
      for (const id of created) {
        const held = this.#creating.get(id) ?? [];
        this.#creating.delete(id);
        if (result.ok && held.length > 0) this.defer(held);
      }
      if (result.ok) this.#done(batch, result.value);
      else this.#failed(batch, result.problem);
      if (this.#underWay === 0) for (const resolve of this.#idle.splice(0)) resolve();
    });
  }

  #done(batch: Batch, receipt: CommitReceipt): void {
    this.#onDurable(batch.changes, receipt);
    batch.settle({ ok: true, value: receipt });
  }

  #failed(batch: Batch, trouble: Problem): void {
    if (trouble.code === 'ledger_stale') {
      // Another writer was faster: what it stored holds, ours is void.
      this.#log.error({ code: trouble.code }, 'a stale change was refused by the ledger');
      batch.settle(fail(trouble));
      return;
    }
    if (this.#trouble === undefined) this.#log.error({ code: trouble.code }, 'the ledger refuses; changes wait');
    this.#trouble = trouble;
    if (batch.refusable) batch.settle(fail(trouble));
    else this.#backlog.push(batch);
    if (!this.#closed) this.#retryTimer ??= this.#after(this.#retryMs, () => void this.#retry());
  }

  /** One at a time: two would store the same batch, and the second would let go of the one behind it. */
  #retry(): Promise<void> {
    this.#retrying ??= this.#tryAgain().finally(() => (this.#retrying = undefined));
    return this.#retrying;
  }

  /** In order, one after the other; the first that works shows that the trouble is over. */
  async #tryAgain(): Promise<void> {
    this.#retryTimer?.();
    this.#retryTimer = undefined;
    for (;;) {
      const batch = this.#backlog[0];
      const result = await this.#ledger.commit(batch?.changes ?? []);
      if (!result.ok && result.problem.code !== 'ledger_stale') {
        this.#trouble = result.problem;
        this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2);
        if (!this.#closed) this.#retryTimer ??= this.#after(this.#retryMs, () => void this.#retry());
        return;
      }
      if (batch !== undefined) {
        this.#backlog.shift();
        if (result.ok) this.#done(batch, result.value);
        else batch.settle(result);
      }
      if (this.#backlog.length === 0) {
        this.#trouble = undefined;
        this.#retryMs = RETRY_MS;
        this.#log.info({}, 'the ledger takes changes again');
        return;
      }
    }
  }
}

function commandOf(change: LedgerChange): CommandId | undefined {
  if (change.type === 'command') return change.command.id;
  return change.type === 'timeline' ? change.entry.commandId : undefined;
}

function createdIn(change: LedgerChange): CommandId[] {
  return change.type === 'command' && change.command.revision === 1 ? [change.command.id] : [];
}
