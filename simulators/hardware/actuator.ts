import type { JsonObject } from '../../src/core/json/json.ts';
import type { ThingName } from '../../src/core/brand.ts';
import type { CommandAnswer, CommandCall, CommandOffer } from '../../src/device/command-handler.ts';
import type { DirectFailpoint } from '../machine/failpoints.ts';
import type { Process } from '../machine/process.ts';
import type { Coverage } from '../world/coverage.ts';
import type { ActionPhase, Sighting } from '../world/sighting.ts';

/**
 * What the devices of a run can do. An action is once done or it is not, and nobody can take it back; the physical side
 * tells the onlooker each time, whatever the software says of it.
 */
export const ACTIONS = {
  unlock: { idempotent: false },
  dose: { idempotent: false },
  calibrate: { idempotent: true },
} as const satisfies Record<string, { readonly idempotent: boolean }>;

export type Action = keyof typeof ACTIONS;

/** How an action goes, drawn with the plan. It travels as the arguments of the command. */
export interface Errand {
  /** What its sender wanted, once: the same in every request that is made for it. */
  readonly intent: number;
  readonly takesMs: number;
  /** How often it tells its progress. */
  readonly steps: number;
  readonly ends: 'done' | 'fails' | 'refuses';
}

const ARGS: JsonObject = {
  type: 'object',
  required: ['intent', 'takesMs', 'steps', 'ends'],
  properties: {
    intent: { type: 'integer' },
    takesMs: { type: 'integer', minimum: 0 },
    steps: { type: 'integer', minimum: 0, maximum: 8 },
    ends: { type: 'string', enum: ['done', 'fails', 'refuses'] },
  },
};

const STOPPED: CommandAnswer = { failed: { code: 'stopped', message: 'stopped before it was done' } };

export interface ActuatorOptions {
  readonly thing: ThingName;
  readonly process: Process;
  readonly coverage: Coverage;
  readonly emit: (sighting: Sighting) => void;
  /** True: the process dies here. */
  readonly dies: (point: DirectFailpoint) => boolean;
}

/** The driver of the actions in one life of a device's program. */
export class Actuator {
  readonly #options: ActuatorOptions;

  constructor(options: ActuatorOptions) {
    this.#options = options;
  }

  offer(name: Action): CommandOffer {
    return { args: ARGS, idempotent: ACTIONS[name].idempotent, handler: (call) => this.#perform(call) };
  }

  async #perform(call: CommandCall): Promise<CommandAnswer> {
    const { process, coverage, dies } = this.#options;
    const errand = call.args as unknown as Errand;
    if (errand.ends === 'refuses') {
      this.#tell(call, 'refused');
      return { rejected: { code: 'not_possible', message: 'the door is held shut' } };
    }
    this.#tell(call, 'begun');
    if (dies('device.beforeAction')) return never();
    for (let step = 1; step <= errand.steps; step += 1) {
      await process.sleep(errand.takesMs / (errand.steps + 1));
      if (call.signal.aborted) return STOPPED;
      coverage.hit('direct.progress');
      call.progress({ percent: (step * 100) / (errand.steps + 1) });
    }
    await process.sleep(errand.takesMs / (errand.steps + 1));
    if (call.signal.aborted) return STOPPED;
    if (errand.ends === 'fails') return { failed: { code: 'jammed', message: 'it does not move' } };
    this.#tell(call, 'done');
    if (dies('device.afterAction')) return never();
    return { result: errand.intent };
  }

  #tell({ id, name, args, sequence }: CommandCall, phase: ActionPhase): void {
    const { intent } = args as unknown as Errand;
    this.#options.emit({
      type: 'action',
      thing: this.#options.thing,
      ...{ id, name, intent, phase },
      ...(sequence === undefined ? {} : { sequence }),
    });
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
