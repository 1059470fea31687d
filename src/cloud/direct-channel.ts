import { fitsPattern } from '../core/access/pattern.ts';
import type { CommandId, ThingName } from '../core/brand.ts';
import { isOpenCommand } from '../core/command/clocks.ts';
import { VERDICT_OF } from '../core/command/command.ts';
import type { AnyCommand, DirectCommand } from '../core/direct/direct-command.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { Ledger, Page, PageRequest } from '../ports/ledger.ts';
import type { Transport } from '../ports/transport.ts';
import { DirectClerk } from './direct-clerk.ts';
import { DirectDesks, type DirectDesksOptions } from './direct-desks.ts';
import { DirectListener } from './direct-listener.ts';
import type { Ids } from './ids.ts';
import type { Once } from './once.ts';
import type { PresenceKeeper } from './presence-keeper.ts';

export interface DirectChannelOptions extends Omit<DirectDesksOptions, 'onLoaded' | 'presenceOf'> {
  readonly transport: Transport;
  readonly presence: PresenceKeeper;
  readonly ids: Ids;
  readonly once: Once;
  readonly openPerThingMax: number;
  /** Thing names, in which `*` stands for any characters, by the name of the group. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

const PAGE = 500;

/** Direct commands, put together: desks, what devices answer, what people ask, and the groups. */
export class DirectChannel {
  readonly desks: DirectDesks;
  readonly clerk: DirectClerk;
  readonly #listener: DirectListener;
  readonly #options: DirectChannelOptions;
  /** Groups that are looked at just now, for their abort threshold. */
  readonly #counting = new Set<CommandId>();

  constructor(options: DirectChannelOptions) {
    this.#options = options;
    const { presence } = options;
    this.desks = new DirectDesks({
      ...options,
      presenceOf: (thingName) => presence.get(thingName),
      onLoaded: (commands) => commands.forEach((command) => this.#checkAbort(command)),
    });
    this.clerk = new DirectClerk({ ...options, desks: this.desks });
    this.#listener = new DirectListener({ ...options, desks: this.desks });
  }

  start(): Promise<Result<void>> {
    return this.#listener.start();
  }

  stop(): void {
    this.#listener.stop();
    this.desks.stop();
  }

  /** Called with every end that is durable. */
  ended(command: AnyCommand): void {
    if (command.kind === 'direct' && VERDICT_OF[command.status] !== 'succeeded') this.#checkAbort(command);
  }

  groups(): readonly { readonly group: string; readonly things: readonly string[] }[] {
    return Object.entries(this.#options.groups).map(([group, things]) => ({ group, things }));
  }

  /** The things a group names, and those its patterns find among the things that are known. */
  async members(group: string): Promise<Result<readonly ThingName[]>> {
    const { groups, ledger } = this.#options;
    const patterns = Object.hasOwn(groups, group) ? groups[group] : undefined;
    if (patterns === undefined) return fail(problem('not_found', 'no group of that name is configured'));
    const members = new Set(patterns.filter((each) => !each.includes('*')) as ThingName[]);
    const wild = patterns.filter((each) => each.includes('*'));
    if (wild.length > 0) {
      const known = await knownThings(ledger);
      if (!known.ok) return known;
      for (const text of known.value) if (wild.some((pattern) => fitsPattern({ pattern, text }))) members.add(text);
    }
    return ok([...members].sort());
  }

  #checkAbort({ group, parentId }: DirectCommand): void {
    if (group?.abortAfter === undefined || parentId === undefined || this.#counting.has(parentId)) return;
    this.#counting.add(parentId);
    void this.#abort(parentId, group.abortAfter).finally(() => this.#counting.delete(parentId));
  }

  /** Enough members have not done it: the rest is called off. Counted in the ledger, so that a restart forgets nothing. */
  async #abort(parentId: CommandId, abortAfter: number): Promise<void> {
    const { ledger } = this.#options;
    const statuses = ['failed', 'timed_out', 'expired'] as const;
    const failed = await all((page) => ledger.commands({ parentId, statuses }, page), abortAfter);
    if (!failed.ok || failed.value.length < abortAfter) return;
    const children = await all((page) => ledger.commands({ parentId }, page));
    if (!children.ok) return;
    for (const child of children.value) {
      if (child.kind !== 'direct' || !isOpenCommand(child) || child.cancel !== undefined) continue;
      const cancel = { type: 'cancel', id: child.id, by: 'desk', reason: 'abort_threshold' } as const;
      this.desks.send(child.ref.thingName, cancel);
    }
  }
}

/** Things that have a shadow, and things that were only ever heard of. */
async function knownThings(ledger: Ledger): Promise<Result<ReadonlySet<ThingName>>> {
  const shadows = await all((page) => ledger.shadows(page));
  if (!shadows.ok) return shadows;
  const presences = await all((page) => ledger.presences(page));
  if (!presences.ok) return presences;
  return ok(new Set([...shadows.value, ...presences.value].map(({ thingName }) => thingName)));
}

/** Every row, page by page; with `enough` no more pages than needed. */
async function all<T>(
  read: (page: PageRequest) => Promise<Result<Page<T>>>,
  enough = Infinity,
): Promise<Result<readonly T[]>> {
  const rows: T[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await read({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    if (!page.ok) return page;
    rows.push(...page.value.items);
    cursor = page.value.next;
    if (cursor === undefined || rows.length >= enough) return ok(rows);
  }
}
