/**
 * Places where a program may die. Each stands at a port, between two steps that a crash can tell apart; the plan of a run
 * arms one for its n-th visit. Visits and deaths are counted for the coverage list.
 */
export const FAILPOINTS = [
  'device.afterReceive',
  'device.beforeJournal',
  'device.tornJournal',
  'device.afterJournal',
  'device.beforeApply',
  'device.afterApply',
  'device.afterReadback',
  'device.beforeReport',
  'device.afterReport',
  'server.afterReceive',
  'server.beforeCommit',
  'server.afterCommit',
  'server.beforePublish',
  'server.afterPublish',
] as const;

/** Those of direct commands; armed only where a run has them. */
export const DIRECT_FAILPOINTS = [
  'device.beforeAction',
  'device.afterAction',
  'device.beforeAnswer',
  'device.afterAnswer',
  'server.beforeRequest',
  'server.afterRequest',
] as const;

export type DirectFailpoint = (typeof DIRECT_FAILPOINTS)[number];
export type Failpoint = (typeof FAILPOINTS)[number];

export class Failpoints {
  readonly #armed = new Map<string, number>();
  readonly #fired: (point: Failpoint | DirectFailpoint, processName: string) => void;

  constructor(fired: (point: Failpoint | DirectFailpoint, processName: string) => void) {
    this.#fired = fired;
  }

  arm(processName: string, point: Failpoint | DirectFailpoint, visit: number): void {
    this.#armed.set(`${processName} ${point}`, visit);
  }

  disarm(): void {
    this.#armed.clear();
  }

  /** True on the visit it was armed for: whoever asks must die now. */
  hit(processName: string, point: Failpoint | DirectFailpoint): boolean {
    if (this.#armed.size === 0) return false;
    const key = `${processName} ${point}`;
    const left = this.#armed.get(key);
    if (left === undefined) return false;
    if (left > 1) {
      this.#armed.set(key, left - 1);
      return false;
    }
    this.#armed.delete(key);
    this.#fired(point, processName);
    return true;
  }
}
