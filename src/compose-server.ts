import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { certificateEndsAt } from './adapters/aws-iot/certificate.ts';
import { mqttTransport } from './adapters/aws-iot/transport.ts';
import type { MqttOptions, MqttProtocol } from './adapters/aws-iot/options.ts';
import { pinoLog, type LogLevel } from './adapters/pino/log.ts';
import { PrometheusMetrics } from './adapters/metrics/prometheus.ts';
import { openSqliteLedger, type SqliteLedger } from './adapters/sqlite/sqlite-ledger.ts';
import { SystemClock } from './adapters/system/clock.ts';
import { SystemRandom } from './adapters/system/random.ts';
import { Engine } from './cloud/engine.ts';
import type { JsonObject } from './core/json/json.ts';
import type { Model } from './core/model/model.ts';
import { NO_MODEL } from './core/model/model.ts';
import type { ThingName } from './core/brand.ts';
import { isLoopback, type HostPort } from './core/host-port.ts';
import { problem } from './core/problem.ts';
import { fail, ok, type Result } from './core/result.ts';
import type { ShadowRef } from './core/shadow/shadow-ref.ts';
import { failpoints, type OnFailpoint } from './compose-failpoints.ts';
import { createPublishGate } from './cloud/publish-gate.ts';
import { openAccess } from './compose-access.ts';
import { readConsole } from './http/console-files.ts';
import type { ModelCatalog } from './http/respond.ts';
import { canListen, createHttpServer } from './http/server.ts';
import { presenceTopic } from './protocol/presence-topic.ts';
import { parseJson } from './protocol/json-text.ts';
import { compileModel } from './protocol/model-schema.ts';
import { defaultDirectTopics, directTopics, type DirectTopics } from './protocol/direct-topics.ts';
import { modelLookup, parseServerConfig, type ServerConfig } from './protocol/server-config.ts';

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
  /** Who may do what; absent: everybody may do everything, on loopback only. */
  readonly accessPath?: string;
  /** How long ended commands are kept. Default 30 days. */
  readonly retentionMs?: number;
  readonly logLevel: LogLevel;
  /** Of this program, for `shadow_build_info`. */
  readonly version: string;
  /** For tests that end the process at a named place. */
  readonly onFailpoint?: OnFailpoint;
}

export interface RunningServer {
  readonly url: string;
  /** Whether the broker was there at the start. */
  readonly connected: boolean;
  /** The API first, then the watcher, the connection, the ledger: nothing that was accepted is lost. */
  stop(): Promise<void>;
}

/**
 * Opens what can fail from the outside in: configuration, port, store, connection. On any failure nothing stays open. A
 * broker that is away is no failure: commands are accepted, wait in the ledger, and are judged when it is back. The port
 * is only looked at before the others and taken when there is something to answer: a second server neither connects nor
 * touches a ledger.
 */
export async function composeServer(options: ServerOptions): Promise<Result<RunningServer>> {
  const log = pinoLog({ level: options.logLevel });
  const clock = new SystemClock();
  const random = new SystemRandom();
  if (options.accessPath === undefined && !isLoopback(options.listen.host)) {
    const why = 'beyond loopback, the API has to know who may do what: give it an access file';
    return fail(problem('invalid_config', why, { at: options.listen.host }));
  }
  const models = await loadCatalog(options.configPath);
  if (!models.ok) return models;
  const access =
    options.accessPath === undefined ? ok(undefined) : await openAccess(options.accessPath, { clock, log });
  if (!access.ok) return access;
  const transport = mqttTransport(mqttOptions(options.mqtt), { clock, random, log });
  if (!transport.ok) return transport;
  const certificate = options.mqtt.cert === undefined ? undefined : certificateEndsAt(options.mqtt.cert);
  if (certificate?.ok === false) return certificate;
  const free = await canListen(options.listen);
  if (!free.ok) return free;
  const points = failpoints(options.onFailpoint);
  const metrics = new PrometheusMetrics(options.version);
  const ledger = await openSqliteLedger({
    ...{ path: options.storePath, log },
    onBatch: ({ commits, durationMs }) => {
      metrics.observe('shadow_ledger_sync_duration_seconds', durationMs / 1000);
      metrics.observe('shadow_ledger_batch_commits', commits);
    },
    ...(points.hook === undefined ? {} : { hook: points.hook }),
    ...(points.onMigration === undefined ? {} : { onMigration: points.onMigration }),
  });
  if (!ledger.ok) return ledger;
  const cloud = new Engine({
    ...{ transport: points.transport(transport.value), ledger: points.ledger(ledger.value) },
    ...{ clock, random, log, metrics, modelOf: models.value.modelOf },
    ...(access.value === undefined ? {} : { gate: createPublishGate(access.value) }),
    ...(options.retentionMs === undefined ? {} : { retentionMs: options.retentionMs }),
    willFilter: presenceTopic('+' as ThingName),
    groups: models.value.groups,
    directTopics: models.value.directTopics,
    ...(isAwsEndpoint(options.mqtt.url) ? AWS_CAPS : {}),
  });
  if (models.value.directTopics.isCommon) {
    const topic = models.value.directTopics.responseFilter;
    log.warn({ topic }, 'devices answer direct commands on one topic: any of them can answer for another one');
  }
  metrics.onRead(() => cloud.measure());
  metrics.onRead(() => measureLedger(ledger.value, metrics));
  if (certificate !== undefined) {
    const endsAt = certificate.value;
    metrics.onRead(() => metrics.set('shadow_link_certificate_expires_seconds', endsAt / 1000));
    if (endsAt - clock.wall() < CERTIFICATE_WARN_MS)
      log.warn({ endsAt }, 'the certificate of the connection ends soon');
  }
  const pages = readConsole(CONSOLE_FOLDER);
  if (!pages.ok) log.warn({ folder: CONSOLE_FOLDER }, 'the console is not built; only the API is served');
  const server = createHttpServer({
    cloud: points.cloud(cloud),
    log,
    metrics,
    models: models.value,
    version: options.version,
    ...(access.value === undefined ? {} : { access: access.value }),
    ...(pages.ok ? { console: pages.value } : {}),
    ...(isLoopback(options.listen.host) ? { hosts: new Set<string>() } : {}),
  });
  const stop = async () => {
    await server.close();
    access.value?.close();
    await cloud.stop();
    await transport.value.stop();
    await ledger.value.close();
  };
  const started = await cloud.start();
  const listening = started.ok ? await server.listen(options.listen) : started;
  if (!listening.ok) {
    await stop();
    return listening;
  }
  return ok({ url: listening.value.url, connected: transport.value.connected, stop });
}

const CERTIFICATE_WARN_MS = 30 * 24 * 60 * 60 * 1000;

/** Built beside the compiled sources: `dist/console` next to `dist/src`. */
const CONSOLE_FOLDER = fileURLToPath(new URL('../console/', import.meta.url));

async function measureLedger(ledger: SqliteLedger, metrics: PrometheusMetrics): Promise<void> {
  const { ledgerBytes, walBytes } = ledger.files();
  const { waiting } = await ledger.health();
  metrics.set('shadow_ledger_bytes', ledgerBytes);
  metrics.set('shadow_ledger_wal_bytes', walBytes);
  metrics.set('shadow_ledger_waiting', waiting);
}

/** Caps per connection, DESIGN.md section 3. */
const AWS_CAPS = { inFlightMax: 10, requestsPerSecond: 100 };

function isAwsEndpoint(url: string): boolean {
  return URL.canParse(url) && /\.amazonaws\.com(\.cn)?$/.test(new URL(url).hostname);
}

/** The client id is new for each run unless one is given: two servers must not push each other off the broker. */
function mqttOptions({ url, protocol, clientId, cert, key, ca }: ServerOptions['mqtt']): MqttOptions {
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  return {
    url,
    protocol,
    clientId: clientId ?? `shadowctl-server-${randomBytes(6).toString('hex')}`,
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
  };
}

/** The lookup of models from the configuration file; every model is compiled once, so a broken one stops the start. */
export async function loadModels(configPath: string | undefined): Promise<Result<(ref: ShadowRef) => Model>> {
  const catalog = await loadCatalog(configPath);
  return catalog.ok ? ok(catalog.value.modelOf) : catalog;
}

interface Catalog extends ModelCatalog {
  readonly groups: ServerConfig['groups'];
  readonly directTopics: DirectTopics;
}

async function loadCatalog(configPath: string | undefined): Promise<Result<Catalog>> {
  if (configPath === undefined) {
    return ok({ modelOf: () => NO_MODEL, mappings: [], groups: {}, directTopics: defaultDirectTopics() });
  }
  const text = await readJsonFile(configPath);
  if (!text.ok) return text;
  const config = parseServerConfig(text.value);
  if (!config.ok) return fail({ ...config.problem, message: `${configPath}: ${config.problem.message}` });
  const topics = directTopics(config.value.commandTopics);
  if (!topics.ok) return topics;
  const loaded = new Map<string, { model: Model; schema: JsonObject }>();
  const mappings: { things: string; shadow?: string | undefined; model: Model; schema: JsonObject }[] = [];
  for (const { things, shadow, model } of config.value.models) {
    const path = resolve(dirname(configPath), model);
    const known = loaded.get(path);
    const found = known === undefined ? await loadModel(path) : ok(known);
    if (!found.ok) return found;
    loaded.set(path, found.value);
    mappings.push({ things, shadow, ...found.value });
  }
  return ok({
    modelOf: modelLookup(mappings),
    groups: config.value.groups,
    directTopics: topics.value,
    mappings: mappings.map(({ shadow, ...mapping }) => ({
      ...mapping,
      ...(shadow === undefined ? {} : { shadowName: shadow }),
    })),
  });
}

async function loadModel(path: string): Promise<Result<{ model: Model; schema: JsonObject }>> {
  const schema = await readJsonFile(path);
  if (!schema.ok) return schema;
  const model = compileModel(schema.value);
  if (!model.ok) return fail({ ...model.problem, message: `${path}: ${model.problem.message}` });
  return ok({ model: model.value, schema: schema.value as JsonObject });
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
