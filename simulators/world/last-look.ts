import type { CommandId } from '../../src/core/brand.ts';
import type { Cloud } from '../../src/cloud/cloud.ts';
import type { Apps } from '../workload/apps.ts';
import type { DirectApps } from '../workload/direct-apps.ts';
import type { Machines } from './machines.ts';
import type { Onlooker } from './onlooker.ts';
import type { PassingTime } from './passing-time.ts';

export interface LastLookOptions {
  readonly onlooker: Onlooker;
  readonly machines: Machines;
  readonly apps: Apps;
  readonly directApps: DirectApps;
  readonly time: PassingTime;
}

const COMMANDS_PAGE = 1_000;
const EVENTS_PAGE = 500;

/** At the end of a run everything that the API can tell is asked for once, so that the checkers see it. */
export class LastLook {
  readonly #options: LastLookOptions;

  constructor(options: LastLookOptions) {
    this.#options = options;
  }

  async take(): Promise<void> {
    const { onlooker, machines, apps, time } = this.#options;
    const { api } = machines.server;
    if (api === undefined) return onlooker.violated('I19 Recover', 'the server is gone');
    const ids = await this.#everyCommand(api);
    if (ids === undefined) return;
    // Successors first: pointers are judged against what is known by then. Twice does no harm.
    for (let round = 0; round < 2; round++) for (const id of ids) await time.until(apps.look(id));
    for (const ref of machines.refs) await time.until(apps.report({ do: 'report', ref, refresh: true }));
    await this.#everyEvent(api);
  }

  /** Acknowledged or listed. */
  async #everyCommand(api: Cloud): Promise<ReadonlySet<CommandId> | undefined> {
    const { onlooker, apps, directApps, time } = this.#options;
    const ids = new Set<CommandId>([...apps.acknowledged, ...directApps.acknowledged]);
    for (let cursor: string | undefined; ;) {
      const page = { limit: COMMANDS_PAGE, ...(cursor === undefined ? {} : { cursor }) };
      const all = await time.until(api.commands({}, page));
      if (!all.ok) {
        onlooker.violated('I19 Recover', all.problem.message);
        return undefined;
      }
      for (const { id } of all.value.items) ids.add(id);
      cursor = all.value.next;
      if (cursor === undefined) return ids;
    }
  }

  async #everyEvent(api: Cloud): Promise<void> {
    const { onlooker, time } = this.#options;
    let after = 0;
    for (;;) {
      const page = await time.until(api.events(after, EVENTS_PAGE));
      if (!page.ok) return onlooker.violated('I21 Stream', page.problem.message);
      const { entries, oldest } = page.value;
      onlooker.see({ type: 'resumed', after, entries, oldest });
      if (entries.length < EVENTS_PAGE) return;
      after = entries.at(-1)?.sequence ?? after;
    }
  }
}
