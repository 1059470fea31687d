import type { ThingName } from '../../src/core/brand.ts';
import { transactionOf, type DirectCommand } from '../../src/core/direct/direct-command.ts';
import { tokenOf, type Write } from '../../src/core/command/write.ts';
import { problem, type ProblemCode } from '../../src/core/problem.ts';
import { fail, type Result } from '../../src/core/result.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import type { CommitReceipt, Ledger, LedgerChange, LedgerHealth } from '../../src/ports/ledger.ts';
import type { Failpoint } from '../machine/failpoints.ts';
import type { Process } from '../machine/process.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import type { Coverage } from '../world/coverage.ts';

/** The store of the server, its disk: outlives every process that opens it. */
export interface Store {
  readonly ledger: Ledger;
  /** Every write that is durable, by token: what an onlooker with access to the disk would see. */
  readonly writes: Map<string, Write>;
  /** The same for direct commands, as each was last stored: by transaction, and by thing. */
  readonly directs: Map<string, Map<ThingName, DirectCommand>>;
  /** Which life of each shadow the newest durable view is of. */
  readonly lives: Map<string, number>;
  /** Trouble at the moment. */
  refusing: 'ledger_full' | 'ledger_unavailable' | undefined;
  /** Share of calls that fail with `ledger_unavailable`. */
  unavailable: number;
  /** Calls that the store has not answered yet: time stands still for them. */
  busy: number;
}

interface Waiting {
  readonly changes: readonly LedgerChange[];
  readonly settle: (result: Result<CommitReceipt>) => void;
}

/** How long a sync takes: what arrives meanwhile shares the next one. */
const SYNC_MS = 2;

/**
 * The ledger port as one process of the server sees it: commits take time and go in groups, calls fail when the store
 * says so, and a crash leaves of the commits under way any number of the first ones.
 */
export function openSimulatedLedger(options: {
  readonly store: Store;
  readonly process: Process;
  readonly random: SeededRandom;
  readonly coverage: Coverage;
  readonly dies: (point: Failpoint) => boolean;
}): Ledger {
  const { store, process, random, coverage, dies } = options;
  let waiting: Waiting[] = [];
  let syncing = false;

  process.onKill(() => {
    const kept = random.integer(0, waiting.length);
    if (waiting.length > 0) coverage.hit('ledger.crashMidCommit');
    for (const { changes } of waiting.slice(0, kept)) void apply(changes);
    waiting = [];
  });

  async function apply(changes: readonly LedgerChange[]): Promise<Result<CommitReceipt>> {
    // A real store settles some turns of the event loop later; virtual time must wait for it.
    store.busy += 1;
    const receipt = await store.ledger.commit(changes);
    store.busy -= 1;
    if (receipt.ok) for (const change of changes) remember(change);
    return receipt;
  }

  function remember(change: LedgerChange): void {
    if (change.type === 'write') store.writes.set(tokenOf(change.write.id), change.write);
    if (change.type === 'view') store.lives.set(shadowKey(change.view.ref), change.view.incarnation);
    if (change.type === 'command' && change.command.kind === 'direct') {
      const { command } = change;
      const transaction = transactionOf(command);
      const parts = store.directs.get(transaction) ?? new Map<ThingName, DirectCommand>();
      store.directs.set(transaction, parts.set(command.ref.thingName, command));
    }
  }

  function trouble(): ProblemCode | undefined {
    if (store.refusing === 'ledger_unavailable') coverage.hit('ledger.down');
    if (store.refusing === 'ledger_unavailable') return store.refusing;
    if (store.unavailable > 0 && random.chance(store.unavailable)) {
      coverage.hit('ledger.unavailable');
      return 'ledger_unavailable';
    }
    return undefined;
  }

  function sync(): void {
    syncing = true;
    process.after(SYNC_MS, () => {
      const group = waiting;
      waiting = [];
      void commitAll(group);
    });
  }

  async function commitAll(group: readonly Waiting[]): Promise<void> {
    const told: (() => void)[] = [];
    let code: ProblemCode | undefined;
    for (const { changes, settle } of group) {
      // One sync: what was asked for after a commit that fails fails with it.
      code ??= store.refusing === 'ledger_full' ? 'ledger_full' : trouble();
      if (code === 'ledger_full') coverage.hit('ledger.full');
      const result = code === undefined ? await apply(changes) : fail(problem(code, 'the store refuses'));
      if (!process.alive) return;
      told.push(() => settle(result));
    }
    for (const tell of told) tell();
    if (dies('server.afterCommit')) return;
    syncing = false;
    if (waiting.length > 0) sync();
  }

  async function read<T>(call: () => Promise<Result<T>>): Promise<Result<T>> {
    await process.sleep(0);
    const code = trouble();
    if (code !== undefined) return fail(problem(code, 'the store does not answer'));
    const result = await call();
    return process.alive ? result : never();
  }

  const { ledger } = store;
  return {
    commit: (changes) => {
      if (!process.alive || dies('server.beforeCommit')) return never();
      return new Promise((settle) => {
        waiting.push({ changes, settle });
        if (!syncing) sync();
      });
    },
    command: (id) => read(() => ledger.command(id)),
    commands: (filter, page) => read(() => ledger.commands(filter, page)),
    timeline: (id) => read(() => ledger.timeline(id)),
    events: (after, limit) => read(() => ledger.events(after, limit)),
    idempotency: (key) => read(() => ledger.idempotency(key)),
    write: (token) => read(() => ledger.write(token)),
    shadow: (ref) => read(() => ledger.shadow(ref)),
    direct: (thingName) => read(() => ledger.direct(thingName)),
    openShadows: (page) => read(() => ledger.openShadows(page)),
    shadows: (...given) => read(() => ledger.shadows(...given)),
    presence: (thingName) => read(() => ledger.presence(thingName)),
    presences: (page) => read(() => ledger.presences(page)),
    overview: (...given) => read(() => ledger.overview(...given)),
    drift: (filter, page) => read(() => ledger.drift(filter, page)),
    driftCounts: (filter) => read(() => ledger.driftCounts(filter)),
    ignoreRules: () => read(() => ledger.ignoreRules()),
    prune: (endedBefore, limit) => read(() => ledger.prune(endedBefore, limit)),
    health: async (): Promise<LedgerHealth> => {
      const health = await ledger.health();
      const state =
        store.refusing === 'ledger_full' ? 'full' : store.refusing === undefined ? health.state : 'unavailable';
      return { state, waiting: waiting.length };
    },
    close: async () => {
      while (syncing) await process.sleep(SYNC_MS);
    },
  };
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
