import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { mqttTransport } from './adapters/aws-iot/transport.ts';
import type { MqttProtocol } from './adapters/aws-iot/options.ts';
import { pinoLog, type LogLevel } from './adapters/pino/log.ts';
import { SystemClock } from './adapters/system/clock.ts';
import { SystemRandom } from './adapters/system/random.ts';
import type { Model } from './core/model/model.ts';
import { NO_MODEL } from './core/model/model.ts';
import { isLoopback, type HostPort } from './core/host-port.ts';
import { problem } from './core/problem.ts';
import { fail, ok, type Result } from './core/result.ts';
import type { ShadowRef } from './core/shadow/shadow-ref.ts';
import { createHttpServer } from './http/server.ts';
import { parseJson } from './protocol/json-text.ts';
import { compileModel } from './protocol/model-schema.ts';
import { modelLookup, parseServerConfig } from './protocol/server-config.ts';

/** The one place where the server's shells meet their adapters. Paths stay as the operator wrote them. */
export interface ServerOptions {
  readonly listen: HostPort;
  readonly storePath: string;
  readonly mqtt: {
    readonly url: string;
    readonly protocol: MqttProtocol;
    readonly clientId?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly ca?: string;
  };
  readonly configPath?: string;
  readonly logLevel: LogLevel;
}

export interface RunningServer {
  readonly url: string;
  /** The API first, then the watcher, the connection, the ledger: nothing that was accepted is lost. */
  stop(): Promise<void>;
}

export async function composeServer(options: ServerOptions): Promise<Result<RunningServer>> {
  void options;
  void createHttpServer;
  void mqttTransport;
  void pinoLog;
  void SystemClock;
  void SystemRandom;
  void randomBytes;
  void isLoopback;
  return fail(problem('internal', 'not composed yet'));
}

/** The lookup of models from the configuration file; every model is compiled once, so a broken one stops the start. */
export async function loadModels(configPath: string | undefined): Promise<Result<(ref: ShadowRef) => Model>> {
  if (configPath === undefined) return ok(() => NO_MODEL);
  const text = await readJsonFile(configPath);
  if (!text.ok) return text;
  const config = parseServerConfig(text.value);
  if (!config.ok) return fail({ ...config.problem, message: `${configPath}: ${config.problem.message}` });
  const mappings: { things: string; shadow?: string | undefined; model: Model }[] = [];
  const compiled = new Map<string, Model>();
  for (const { things, shadow, model } of config.value.models) {
    const path = resolve(dirname(configPath), model);
    const known = compiled.get(path);
    const loaded = known === undefined ? await loadModel(path) : ok(known);
    if (!loaded.ok) return loaded;
    compiled.set(path, loaded.value);
    mappings.push({ things, shadow, model: loaded.value });
  }
  return ok(modelLookup(mappings));
}

async function loadModel(path: string): Promise<Result<Model>> {
  const schema = await readJsonFile(path);
  if (!schema.ok) return schema;
  const model = compileModel(schema.value);
  return model.ok ? model : fail({ ...model.problem, message: `${path}: ${model.problem.message}` });
}

/** Configuration is ours, not the world's, but a slip in it must read as clearly as any other bad input. */
const CONFIG_LIMITS = { bytesMax: 4 * 1024 * 1024, depthMax: 64 };

async function readJsonFile(path: string) {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'not allowed to read it' : String(code);
    return fail(problem('invalid_config', `${path}: ${why}`, { at: path, cause }));
  }
  const parsed = parseJson(bytes, CONFIG_LIMITS);
  return parsed.ok ? parsed : fail(problem('invalid_config', `${path}: ${parsed.problem.message}`, { at: path }));
}
