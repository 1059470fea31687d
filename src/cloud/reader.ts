import type { CommandId, FieldPointer, ThingName } from '../core/brand.ts';
import { isOpenCommand } from '../core/command/clocks.ts';
import type { Command } from '../core/command/command.ts';
import type { Desk } from '../core/desk/desk.ts';
import type { AnyCommand } from '../core/direct/direct-command.ts';
import { deviceSaid, explainCommand } from '../core/explain/explain-command.ts';
import { explainDirect } from '../core/explain/explain-direct.ts';
import { shadowFields } from '../core/explain/shadow-fields.ts';
import type { Presence } from '../core/presence/presence.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { shadowKey, type ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { Cancel } from '../ports/clock.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Explanation, Settling, ShadowExplanation, ShadowReport } from './cloud.ts';
import type { Desks } from './desks.ts';
import type { DirectDesks } from './direct-desks.ts';
import type { Hub } from './hub.ts';
import { notFound } from './refusals.ts';
import type { SteadyTime } from './steady-time.ts';

const PAGE = 200;

export interface ReaderParts {
  readonly ledger: Ledger;
  readonly time: SteadyTime;
  readonly hub: Hub;
  readonly desks: Desks;
  readonly directDesks: DirectDesks;
  readonly presenceOf: (thingName: ThingName) => Presence;
}

/** What people ask about one command or one shadow: what is stored, joined with what the desk knows right now. */
export class Reader {
  readonly #parts: ReaderParts;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  async command(id: CommandId): Promise<Result<AnyCommand>> {
    const found = await this.#parts.ledger.command(id);
    if (!found.ok) return found;
    return found.value === undefined ? notFound(id) : ok(found.value);
  }

  settled(id: CommandId, ref?: ShadowRef): Settling {
    // Listen first, look second: an end in between is not missed.
    const end = this.#whenEnded(id);
    return { command: this.#settled(id, end, ref), giveUp: end.cancel };
  }

  /** Those in the ledger, and those that were heard of just now. */
  async shadowsOf(thingName: ThingName): Promise<Result<readonly ShadowRef[]>> {
    const found = new Map<string, ShadowRef>();
    let cursor: string | undefined;
    do {
      const next = cursor === undefined ? {} : { cursor };
      const page = await this.#parts.ledger.shadows({ limit: PAGE, ...next }, { thingPrefix: thingName });
      if (!page.ok) return page;
      const own = page.value.items.filter((ref) => ref.thingName === thingName);
      for (const ref of own) found.set(shadowKey(ref), ref);
      // Other things whose names begin like this one come behind it.
      cursor = own.length === page.value.items.length ? page.value.next : undefined;
    } while (cursor !== undefined);
    for (const ref of this.#parts.desks.shadowsOf(thingName)) found.set(shadowKey(ref), ref);
    return ok([...found.values()]);
  }

  async explainCommand(id: CommandId): Promise<Result<Explanation>> {
    const found = await this.command(id);
    if (!found.ok) return found;
    if (found.value.kind === 'direct') {
      const direct = await this.#parts.directDesks.open(found.value.ref.thingName);
      const command = direct?.commands.get(id) ?? found.value;
      return ok({ commandId: id, status: command.status, ...explainDirect(command, direct) });
    }
    const { desk } = await this.#parts.desks.open(found.value.ref);
    const command = desk?.commands.get(id) ?? found.value;
    return ok(explanation(command, desk));
  }

  async explainShadow(ref: ShadowRef): Promise<Result<ShadowExplanation>> {
    const report = await this.shadow(ref);
    if (!report.ok) return report;
    const { desk } = await this.#parts.desks.open(ref);
    const open = desk === undefined ? [] : [...desk.commands.values()].filter(isOpenCommand);
    const fields = report.value.fields
      .filter(({ converged }) => !converged)
      .map(({ field, reason, pendingSince, commandId }) => ({
        field,
        ...whyNot(field, reason ?? 'differs', open, desk),
        ...(pendingSince === undefined ? {} : { since: pendingSince }),
        ...(commandId === undefined ? {} : { commandId }),
      }));
    const commands = open.map((command) => explanation(command, desk));
    const converged = fields.length === 0;
    const words = converged
      ? 'reported is as desired'
      : `${fields.length} field(s) are not as desired: ${fields[0]?.words ?? ''}`;
    return ok({ ref, presence: report.value.presence, converged, words, fields, commands });
  }

  async shadow(ref: ShadowRef, { refresh = false }: { refresh?: boolean } = {}): Promise<Result<ShadowReport>> {
    const { desk, model } = await this.#parts.desks.openFresh(ref, refresh);
    const now = this.#parts.time.now();
    const view = desk?.sight.view;
    const open = desk === undefined ? [] : [...desk.commands.values()].filter(isOpenCommand);
    if (desk === undefined || ((view === undefined || view.version === 0) && open.length === 0)) {
      return fail(problem('shadow_not_found', 'no shadow of that name is known'));
    }
    const { desired, reported } = view?.state ?? {};
    return ok({
      ref,
      version: view?.version ?? 0,
      incarnation: view?.incarnation ?? 1,
      ...(desired === undefined ? {} : { desired }),
      ...(reported === undefined ? {} : { reported }),
      asOf: view?.seenAt ?? now,
      presence: this.#parts.presenceOf(ref.thingName),
      fields: shadowFields(desk, { model, now }),
      openCommands: open.map(({ id }) => id),
    });
  }

  async #settled(id: CommandId, end: End, ref: ShadowRef | undefined): Promise<Result<AnyCommand>> {
    // What is open on its desk cannot have ended in the ledger.
    if (ref === undefined || !this.#isOpenOnDesk(id, ref)) {
      const found = await this.command(id);
      if (!found.ok || !isOpenCommand(found.value)) {
        end.cancel();
        return found;
      }
    }
    const command = await end.command;
    return command === undefined ? this.command(id) : ok(command);
  }

  #isOpenOnDesk(id: CommandId, ref: ShadowRef): boolean {
    const { desks, directDesks } = this.#parts;
    const command = directDesks.peek(ref.thingName)?.commands.get(id) ?? desks.peek(ref)?.desk?.commands.get(id);
    return command !== undefined && isOpenCommand(command);
  }

  #whenEnded(id: CommandId): End {
    let cancel: Cancel = () => undefined;
    const command = new Promise<AnyCommand | undefined>((resolve) => {
      const forget = this.#parts.hub.onceEnded(id, resolve);
      cancel = () => {
        forget();
        resolve(undefined);
      };
    });
    return { command, cancel };
  }
}

/** The end of a command; undefined once nobody waits for it any more. */
interface End {
  readonly command: Promise<AnyCommand | undefined>;
  readonly cancel: Cancel;
}

/** What stands in the way of a field: of the newest command that waits for it, else by the word of the device. */
function whyNot(
  field: FieldPointer,
  reason: string,
  open: readonly Command[],
  desk: Desk | undefined,
): { code: string; words: string } {
  const command = open.findLast(({ fields }) => fields.some((candidate) => candidate.field === field));
  if (command !== undefined) return { code: reason, words: explainCommand(command, desk).words };
  const said = desk === undefined ? undefined : deviceSaid(field, desk);
  if (said !== undefined) return { code: said.code, words: said.words };
  return { code: reason, words: `${field}: reported differs from desired and no open command explains it` };
}

function explanation(command: Command, desk: Desk | undefined): Explanation {
  return { commandId: command.id, status: command.status, ...explainCommand(command, desk) };
}
