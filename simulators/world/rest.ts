import { VERDICT_OF, type CommandStatus } from '../../src/core/command/command.ts';
import type { AnyCommand } from '../../src/core/direct/direct-command.ts';
import { leavesOf, valueAt } from '../../src/core/json/json-pointer.ts';
import { isJsonObject, member } from '../../src/core/json/json.ts';
import { modelEqual } from '../../src/core/model/model-equal.ts';
import { shadowKey, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { ThingPlan } from '../workload/plan.ts';
import type { Environment } from './environment.ts';
import type { Machines } from './machines.ts';
import type { PassingTime } from './passing-time.ts';

export interface RestOptions {
  readonly environment: Environment;
  readonly machines: Machines;
  readonly things: readonly ThingPlan[];
  readonly time: PassingTime;
}

const OPEN: readonly CommandStatus[] = (Object.keys(VERDICT_OF) as CommandStatus[]).filter(
  (status) => VERDICT_OF[status] === 'pending',
);

/** The question whether a world has come to rest: all machines up, hardware as reported and desired, no command open. */
export class Rest {
  readonly #options: RestOptions;

  constructor(options: RestOptions) {
    this.#options = options;
  }

  /** Why it has not, or nothing. */
  async pending(): Promise<string | undefined> {
    const { machines } = this.#options;
    for (const { name, ready } of machines.all) if (!ready) return `${name} is not up`;
    for (const ref of machines.refs) {
      const reason = this.#shadowPending(ref);
      if (reason !== undefined) return reason;
    }
    return this.#commandPending();
  }

  #shadowPending(ref: ShadowRef): string | undefined {
    const { environment, machines, things } = this.#options;
    const hardware = machines.hardwareOf(ref);
    const document = environment.network.document(ref);
    if (document === undefined || hardware === undefined) return undefined;
    const { desired, reported } = document.state;
    const member_ = reported === undefined ? undefined : member(reported, 'reconciler');
    const listed = isJsonObject(member_) ? member(member_, 'fields') : undefined;
    const model = environment.modelOf(ref);
    const key = shadowKey(ref);
    const plain = things.some(({ thingName, kind }) => thingName === ref.thingName && kind === 'plain');
    for (const { field } of hardware.kit.fields) {
      const shown = valueAt(reported, field);
      if (shown === undefined) return `${key} does not report ${field}`;
      const real = hardware.value(field);
      if (!modelEqual({ desired: real, reported: shown, annotations: model.annotations(field) }))
        return `${key} reports ${field} = ${JSON.stringify(shown)}, which is ${JSON.stringify(real)}`;
    }
    for (const [field, wish] of leavesOf(desired ?? {})) {
      const shown = valueAt(reported, field);
      // An emptied object asks for nothing (R39, R59).
      if (isJsonObject(wish) && isJsonObject(shown)) continue;
      if (modelEqual({ desired: wish, reported: shown, annotations: model.annotations(field) })) continue;
      const entry = isJsonObject(listed) ? member(listed, field) : undefined;
      if (isJsonObject(entry) && member(entry, 'outcome') === 'refused') continue;
      if (plain && !model.knows(field)) continue;
      return `${key} ${field}: desired ${JSON.stringify(wish)}, reported ${JSON.stringify(shown)}, says ${JSON.stringify(entry)}`;
    }
    return undefined;
  }

  async #commandPending(): Promise<string | undefined> {
    const { machines, time } = this.#options;
    const { api } = machines.server;
    if (api === undefined) return 'the server is not up';
    const open = await time.until(api.commands({ statuses: OPEN }, { limit: 100 }));
    if (!open.ok) return open.problem.message;
    const [command] = open.value.items;
    if (command !== undefined) return `command ${words(command)}`;
    const ended = await time.until(api.commands({}, { limit: 500 }));
    if (!ended.ok) return ended.problem.message;
    const unfinished = ended.value.items.find((each) => each.kind === 'shadow' && each.endResult === 'not_yet');
    return unfinished === undefined ? undefined : `command ${words(unfinished)}: its end is not carried out`;
  }
}

function words(command: AnyCommand): string {
  const { id, status, statusReason, ref } = command;
  if (command.kind === 'direct') return `${id} on ${shadowKey(ref)} is ${status}: ${command.name}`;
  const { fields, endResult } = command;
  const open = fields.map(({ field, state }) => `${field} ${state.outcome}`).join(', ');
  return `${id} on ${shadowKey(ref)} is ${status} (${statusReason ?? endResult ?? ''}): ${open}`;
}
