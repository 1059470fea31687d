import { DIRECT_FAILPOINTS, FAILPOINTS } from '../machine/failpoints.ts';

/**
 * Every fault that a run can meet. A list that CI compares with what was hit: a fault that never happens tests nothing.
 * Each is counted where it takes effect, never where it is planned, and has one cause: what has two would hide that one
 * of them is gone.
 */
export const FAULTS = [
  'network.loss',
  'network.ackLoss',
  'network.duplicate',
  'network.reorder',
  'network.delay',
  'network.partition.up',
  'network.partition.down',
  'network.partition.both',
  'network.brokerRestart',
  'network.connectionLost',
  'network.sessionReplay',
  'network.cloned',
  'network.ghostThrownOut',
  'network.lateSuback',
  'network.poison',
  'presence.duplicate',
  'presence.late',
  'service.throttled',
  'service.internalError',
  'service.deleted',
  'service.recreated',
  'service.recreatedAfterTombstone',
  'adapter.throws',
  'adapter.hangs',
  'adapter.lateFinish',
  'adapter.clamps',
  'adapter.lies',
  'adapter.flaps',
  'adapter.fails',
  'adapter.refuses',
  'adapter.defers',
  'adapter.unreadable',
  'adapter.slow',
  'device.crash',
  'device.stop',
  'device.button',
  'device.journalLost',
  'device.journalFull',
  'server.crash',
  'server.stop',
  'server.pause',
  'ledger.full',
  'ledger.down',
  'ledger.unavailable',
  'ledger.crashMidCommit',
  'clock.serverJump',
  'clock.deviceJump',
  'clock.deviceUnset',
  'clock.deviceOffset',
  'clock.deviceDrift',
  'clock.serverDrift',
  'clock.serverOffset',
  'foreign.write',
  'foreign.clear',
  'api.retried',
  'api.mismatch',
  'api.concurrent',
  'operator.cancelled',
  'operator.nudged',
  'operator.retried',
  'operator.rolledBack',
  'operator.extended',
  'direct.cancelled',
  'direct.nudged',
  'direct.retried',
  'direct.extended',
  'direct.group',
  'direct.groupMemberAsked',
  'direct.groupAborted',
  'direct.progress',
  'direct.replayed',
] as const;

export type Fault = (typeof FAULTS)[number];

/** How often each fault and failpoint was hit, over one run or many. */
export class Coverage {
  readonly #counts = new Map<string, number>();

  hit(name: string, times = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + times);
  }

  add(other: Coverage): void {
    for (const [name, count] of other.#counts) this.hit(name, count);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  entries(): (readonly [string, number])[] {
    return [...FAULTS, ...FAILPOINTS, ...DIRECT_FAILPOINTS].map((name) => [name, this.of(name)] as const);
  }

  neverHit(): string[] {
    return this.entries().flatMap(([name, count]) => (count === 0 ? [name] : []));
  }
}
