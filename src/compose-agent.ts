import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { execCommand } from './adapters/exec/exec-command.ts';
import { ExecAdapter } from './adapters/exec/exec-adapter.ts';
import { ProgramRegister } from './adapters/exec/program-register.ts';
import { FileJournal, journalPath } from './adapters/file/journal.ts';
import { JsonFileAdapter } from './adapters/json-file/json-file-adapter.ts';
import type { MqttOptions } from './adapters/aws-iot/options.ts';
import { SystemClock } from './adapters/system/clock.ts';
import { composeDevice, type DeviceSetup } from './compose-device.ts';
import type { FieldPointer } from './core/brand.ts';
import { NO_MODEL, type Model } from './core/model/model.ts';
import { problem } from './core/problem.ts';
import { fail, ok, type Result } from './core/result.ts';
import type { CommandOffer } from './device/command-handler.ts';
import type { Device, DeviceShadow } from './device/device.ts';
import type { Clock } from './ports/clock.ts';
import type { Log } from './ports/log.ts';
import type { StateAdapter } from './ports/state-adapter.ts';
import {
  parseAgentConfig,
  type AgentAdapterConfig,
  type AgentCommandConfig,
  type AgentConfig,
} from './protocol/agent-config.ts';
import { parseJsonText } from './protocol/json-text.ts';
import { compileModel } from './protocol/model-schema.ts';

/** An agent's configuration with everything it names loaded. */
export interface Agent {
  readonly config: AgentConfig;
  readonly shadows: readonly DeviceShadow[];
  readonly mqtt: DeviceSetup['mqtt'] & { readonly clientId: string };
  readonly journal: string;
  readonly clock: Clock;
  readonly register: ProgramRegister;
  readonly commands: readonly (readonly [string, CommandOffer])[];
}

export interface AgentPorts {
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Reads the configuration and the models it names. Errors: `invalid_config`, `invalid_json`, `invalid_model`. */
export function loadAgent(configFile: string, { log, env }: AgentPorts): Result<Agent> {
  const text = readText(configFile);
  if (!text.ok) return text;
  const config = parseAgentConfig(text.value);
  if (!config.ok) {
    const { at, message } = config.problem;
    return fail({ ...config.problem, message: [configFile, ...(at === undefined ? [] : [at]), message].join(': ') });
  }
  const directory = dirname(resolve(configFile));
  const clock = new SystemClock();
  const stateDir = pathFrom(directory, config.value.stateDir);
  const register = new ProgramRegister({ directory: join(stateDir, 'programs'), clock, log });
  const shadows: DeviceShadow[] = [];
  for (const shadow of config.value.shadows) {
    const model = shadow.model === undefined ? ok(NO_MODEL) : loadModel(pathFrom(directory, shadow.model));
    if (!model.ok) return model;
    const adapters = shadow.adapters.map((adapter) => adapterFrom(adapter, { directory, clock, log, env, register }));
    const { shadow: shadowName } = shadow;
    shadows.push({ ...(shadowName === undefined ? {} : { shadowName }), model: model.value, adapters });
  }
  return ok({
    config: config.value,
    shadows,
    mqtt: mqttFrom(config.value, directory),
    journal: journalPath(stateDir),
    clock,
    register,
    commands: (config.value.commands ?? []).map((command) => [
      command.name,
      offerFrom(command, { directory, clock, log, env, register }),
    ]),
  });
}

/** The device that the configuration describes, not started yet. */
export function composeAgent(agent: Agent, more: Pick<DeviceSetup, 'log' | 'failpoint'>): Result<Device> {
  const { config, shadows, mqtt, clock, register } = agent;
  const journal = new FileJournal(agent.journal, { onLocked: () => register.clear() });
  const limits = Object.fromEntries(Object.entries(config.limits ?? {}).filter(([, value]) => value !== undefined));
  const { groups, commandTopics: topics } = config;
  const direct = { ...(groups === undefined ? {} : { groups }), ...(topics === undefined ? {} : { topics }) };
  const device = composeDevice({ thingName: config.thing, shadows, mqtt, journal, clock, limits, direct, ...more });
  if (!device.ok) return device;
  for (const [name, offer] of agent.commands) {
    const offered = device.value.onCommand(name, offer);
    if (!offered.ok) return offered;
  }
  return device;
}

interface AdapterParts extends AgentPorts {
  readonly directory: string;
  readonly clock: Clock;
  readonly register: ProgramRegister;
}

function offerFrom(config: AgentCommandConfig, { directory, clock, env, register }: AdapterParts): CommandOffer {
  const { run: program, args, idempotent, timeoutMs } = config;
  return {
    ...(args === undefined ? {} : { args }),
    idempotent,
    handler: execCommand({ program, timeoutMs, directory, env, clock, register }),
  };
}

function adapterFrom(config: AgentAdapterConfig, { directory, clock, log, env, register }: AdapterParts): StateAdapter {
  if (config.type === 'exec') {
    const { field, read, apply, timeoutMs } = config;
    return new ExecAdapter({
      name: config.name ?? `exec ${field}`,
      field,
      read,
      apply,
      timeoutMs,
      directory,
      env,
      clock,
      register,
    });
  }
  const fields = new Map(Object.entries(config.fields) as [FieldPointer, FieldPointer][]);
  const file = pathFrom(directory, config.file);
  return new JsonFileAdapter({ name: config.name ?? `json-file ${config.file}`, file, fields, clock, log });
}

function mqttFrom({ mqtt, thing }: AgentConfig, directory: string): Agent['mqtt'] {
  const { ca, cert, key, url, clientId, protocol, username, password, keepAliveSeconds } = mqtt;
  const files = Object.entries({ ca, cert, key }).flatMap(([name, path]) =>
    path === undefined ? [] : [[name, pathFrom(directory, path)] as const],
  );
  const tls: MqttOptions['tls'] = Object.fromEntries(files);
  return {
    url,
    clientId: clientId ?? thing,
    ...(protocol === undefined ? {} : { protocol }),
    ...(files.length === 0 ? {} : { tls }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(keepAliveSeconds === undefined ? {} : { keepAliveSeconds }),
  };
}

function loadModel(path: string): Result<Model> {
  const text = readText(path);
  if (!text.ok) return text;
  const schema = parseJsonText(text.value);
  if (!schema.ok) return fail({ ...schema.problem, at: path });
  return compileModel(schema.value);
}

function readText(path: string): Result<string> {
  try {
    return ok(readFileSync(path, 'utf8'));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : `the file cannot be read (${code ?? 'unknown reason'})`;
    return fail(problem('invalid_config', why, { at: path, cause }));
  }
}

/** Absolute paths stay what they are. */
function pathFrom(directory: string, path: string): string {
  return resolve(directory, path);
}
