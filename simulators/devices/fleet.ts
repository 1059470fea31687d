import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Model } from '../../src/core/model/model.ts';
import { problem } from '../../src/core/problem.ts';
import type { ReconcileLimits } from '../../src/core/reconcile/limits.ts';
import { fail, ok, type Result } from '../../src/core/result.ts';
import { parseShadowKey, parseShadowRef, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { parseJsonText } from '../../src/protocol/json-text.ts';
import { compileModel } from '../../src/protocol/model-schema.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { SystemRandom } from '../../src/adapters/system/random.ts';
import type { MqttOptions } from '../../src/adapters/aws-iot/options.ts';
import { SILENT, type Log } from '../../src/ports/log.ts';
import type { Random } from '../../src/ports/random.ts';
import { SeededRandom } from '../time/seeded-random.ts';
import { isDeviceKind, specOf } from './kinds.ts';
import type { Misbehaviour } from './misbehaviour.ts';
import { SimulatedDevice } from './simulated-device.ts';

export interface FleetOptions {
  /** A kind (`heater`, `bulb`, `lock`, `motor`) or a model file. */
  readonly model: string;
  /** `thing` or `thing/shadow`. With a count above one it is the start of the names: `thing-1`, `thing-2`, … */
  readonly thing?: string;
  readonly count?: number;
  readonly mqtt: Omit<MqttOptions, 'clientId'>;
  /** The same seed, the same misbehaviour. */
  readonly seed?: number;
  readonly misbehaviour?: Misbehaviour;
  readonly directory?: string;
  readonly log?: Log;
  readonly limits?: Partial<ReconcileLimits>;
  /** Groups whose direct commands they take. */
  readonly groups?: readonly string[];
}

/** Simulated devices of one model. */
export interface Fleet {
  readonly devices: readonly SimulatedDevice[];
  /** Connects them, some at a time. A broker that is not there is no failure: they go on trying. */
  start(): Promise<Result<void>>;
  stop(): Promise<void>;
}

const STARTING_MAX = 50;

export function createFleet(options: FleetOptions): Result<Fleet> {
  const model = loadModel(options.model);
  if (!model.ok) return model;
  const refs = refsOf(options, kindOf(options.model));
  if (!refs.ok) return refs;
  const clock = new SystemClock();
  const random = new SystemRandom();
  const devices = refs.value.map((ref, index) => {
    const { mqtt, seed, misbehaviour, directory, limits, groups } = options;
    const chance: Random = seed === undefined ? random : new SeededRandom(seed + index);
    return new SimulatedDevice({
      ref,
      spec: specOf(kindOf(options.model), model.value.fields),
      model: model.value,
      mqtt,
      clock,
      random,
      chance,
      log: options.log ?? SILENT,
      ...(misbehaviour === undefined ? {} : { misbehaviour }),
      ...(directory === undefined ? {} : { directory }),
      ...(limits === undefined ? {} : { limits }),
      ...(groups === undefined ? {} : { direct: { groups } }),
    });
  });
  return ok({
    devices,
    start: () => startAll(devices),
    stop: async () => {
      await Promise.all(devices.map((device) => device.stop()));
    },
  });
}

async function startAll(devices: readonly SimulatedDevice[]): Promise<Result<void>> {
  const waiting = [...devices];
  let failure: Result<void> | undefined;
  const work = async (): Promise<void> => {
    for (let device = waiting.shift(); device !== undefined; device = waiting.shift()) {
      const started = await device.start();
      if (!started.ok) failure ??= started;
    }
  };
  await Promise.all(Array.from({ length: STARTING_MAX }, work));
  return failure ?? ok(undefined);
}

function kindOf(model: string): string {
  return isDeviceKind(model) ? model : (model.split('/').at(-1) ?? model).replace(/\.json$/, '');
}

/** The model of a kind lies in `schemas/models`; anything else is a path. */
function loadModel(model: string): Result<Model> {
  const path = isDeviceKind(model) ? builtInModel(model) : model;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return fail(problem('invalid_config', `the model cannot be read: ${why}`, { at: path, cause }));
  }
  const schema = parseJsonText(text);
  return schema.ok ? compileModel(schema.value) : schema;
}

/** From the sources as from `dist`: the package root is the first folder above that has `schemas`. */
function builtInModel(kind: string): string {
  const here = fileURLToPath(import.meta.url);
  const root = here.slice(0, here.lastIndexOf('/simulators/')).replace(/\/dist$/, '');
  return `${root}/schemas/models/${kind}.json`;
}

function refsOf({ thing, count = 1 }: FleetOptions, kind: string): Result<ShadowRef[]> {
  const named = parseShadowKey(thing ?? kind);
  if (!named.ok) return named;
  if (count === 1) return ok([named.value]);
  const refs: ShadowRef[] = [];
  for (let number = 1; number <= count; number += 1) {
    const ref = parseShadowRef(`${named.value.thingName}-${number}`, named.value.shadowName);
    if (!ref.ok) return ref;
    refs.push(ref.value);
  }
  return ok(refs);
}
