import { writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import { changeAccessFile } from '../../src/adapters/access-file/access-file.ts';
import { addKey } from '../../src/adapters/access-file/keys.ts';
import type { WatchedAccess } from '../../src/adapters/access-file/watched-access.ts';
import { PrometheusMetrics } from '../../src/adapters/metrics/prometheus.ts';
import { openSqliteLedger } from '../../src/adapters/sqlite/sqlite-ledger.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { SystemRandom } from '../../src/adapters/system/random.ts';
import { mqttTransport } from '../../src/adapters/aws-iot/transport.ts';
import { Engine } from '../../src/cloud/engine.ts';
import { createPublishGate } from '../../src/cloud/publish-gate.ts';
import { openAccess } from '../../src/compose-access.ts';
import { composeDevice } from '../../src/compose-device.ts';
import type { JsonObject } from '../../src/core/json/json.ts';
import { NO_MODEL } from '../../src/core/model/model.ts';
import type { Device } from '../../src/device/device.ts';
import type { ModelCatalog } from '../../src/http/respond.ts';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import type { Log } from '../../src/ports/log.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import { SILENT } from '../../src/ports/log.ts';
import { compileModel } from '../../src/protocol/model-schema.ts';
import { got } from './cloud.ts';
import { eventually } from './eventually.ts';
import { Contract } from './open-api.ts';
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.ts';
import { TcpProxy } from './tcp-proxy.ts';
import { TestHardware, thing } from './test-device.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // Tests look into answers of every shape; what a member is, they say by comparing it.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  /** Sent as it is instead of `body`. */
  readonly raw?: string | Buffer;
  /** A key or token; `null`: none, also where the world has a default one. */
  readonly token?: string | null | undefined;
}

/** A model with what the API has to say something about. */
export const HEATER = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'heater@1',
  type: 'object',
  properties: {
    targetC: { type: 'number', minimum: 5, maximum: 30, 'x-shadow': { tolerance: { absolute: 0.1 } } },
    on: { type: 'boolean' },
    lock: { type: 'string', enum: ['open', 'closed'] },
  },
} as const;

/** Everything behind the API, for real: broker, shadow service, engine, SQLite; and every answer is held against our document. */
export class ApiWorld {
  readonly contract = new Contract();
  readonly simulator: Simulator;
  /** Between the cloud and the broker, to be taken away. */
  readonly broker: TcpProxy;
  readonly cloud: Engine;
  readonly ledger: Ledger;
  readonly access: WatchedAccess | undefined;
  readonly accessFile: string;
  readonly url: string;
  readonly #server: HttpServer;
  readonly #folder: TemporaryFolder;
  readonly #devices: Device[] = [];
  token: string | undefined;

  private constructor(parts: {
    simulator: Simulator;
    cloud: Engine;
    ledger: Ledger;
    access: WatchedAccess | undefined;
    accessFile: string;
    server: HttpServer;
    url: string;
    folder: TemporaryFolder;
    broker: TcpProxy;
  }) {
    this.broker = parts.broker;
    this.simulator = parts.simulator;
    this.cloud = parts.cloud;
    this.ledger = parts.ledger;
    this.access = parts.access;
    this.accessFile = parts.accessFile;
    this.url = parts.url;
    this.#server = parts.server;
    this.#folder = parts.folder;
  }

  /** `file`: the content of an access file; without it access control is off. */
  static async open({
    file,
    log = SILENT,
    ...http
  }: { file?: object; log?: Log; streamsMax?: number; heartbeatMs?: number } = {}): Promise<ApiWorld> {
    const simulator = await startSimulator();
    const broker = await new TcpProxy(Number(new URL(simulator.mqttUrl).port)).open();
    const folder = temporaryFolder();
    const clock = new SystemClock();
    const random = new SystemRandom();
    const ledger = got(await openSqliteLedger({ path: folder.path('ledger.sqlite') }));
    const accessFile = folder.path('access.json');
    if (file !== undefined) writeFileSync(accessFile, JSON.stringify(file));
    const access = file === undefined ? undefined : got(await openAccess(accessFile, { clock, log }));
    const model = got(compileModel(HEATER as unknown as JsonObject));
    const models: ModelCatalog = {
      modelOf: (ref) => (ref.thingName.includes('heater') && ref.shadowName === undefined ? model : NO_MODEL),
      mappings: [{ things: '*heater*', model, schema: HEATER as unknown as JsonObject }],
    };
    const metrics = new PrometheusMetrics('test');
    const cloud = new Engine({
      transport: got(
        mqttTransport(
          { url: `mqtt://127.0.0.1:${broker.port}`, clientId: 'api-cloud' },
          { clock, random, log: SILENT },
        ),
      ),
      ...{ ledger, clock, random, log, metrics, modelOf: models.modelOf },
      groups: { doors: ['door-1', 'door-2'] },
      ...(access === undefined ? {} : { gate: createPublishGate(access) }),
    });
    got(await cloud.start());
    const server = createHttpServer({
      ...{ cloud, log, models, metrics, hosts: new Set<string>() },
      ...(access === undefined ? {} : { access }),
      ...http,
    });
    const { url } = got(await server.listen({ host: '127.0.0.1', port: 0 }));
    return new ApiWorld({ simulator, cloud, ledger, access, accessFile, server, url, folder, broker });
  }

  /** A key for a role of the access file. */
  async key(name: string, ...roles: string[]): Promise<string> {
    const made = await changeAccessFile(this.accessFile, (before) => addKey(before, { name, roles }, Date.now()));
    await this.access?.refresh();
    return got(made).key;
  }

  async device(
    name: string,
    values: Record<string, number | string | boolean> = { '/targetC': 20 },
  ): Promise<TestHardware> {
    const hardware = new TestHardware(values);
    const device = got(
      composeDevice({
        thingName: thing(name),
        shadows: [{ model: NO_MODEL, adapters: [hardware] }],
        mqtt: { url: this.simulator.mqttUrl },
      }),
    );
    this.#devices.push(device);
    got(await device.start());
    await eventually(() => this.simulator.document(name)?.state.reported);
    return hardware;
  }

  get(path: string, ask: Ask = {}): Promise<Answer> {
    return this.ask(path, ask);
  }

  post(path: string, body: unknown = {}, ask: Ask = {}): Promise<Answer> {
    return this.ask(path, { method: 'POST', body, ...ask });
  }

  /** node:http rather than fetch, which tidies up what must arrive untidy. Throws if the answer breaks the contract. */
  async ask(path: string, { method = 'GET', headers = {}, body, raw, token = this.token }: Ask = {}): Promise<Answer> {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const { hostname, port } = new URL(this.url);
    const answer = await new Promise<Answer>((resolve, reject) => {
      const request = httpRequest(
        {
          ...{ hostname, port, method, path, agent: false },
          headers: {
            ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
            ...(token === undefined || token === null ? {} : { authorization: `Bearer ${token}` }),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            const isJson = String(response.headers['content-type']).includes('json');
            const parsed: unknown = isJson && text !== '' ? JSON.parse(text) : undefined;
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parsed });
          });
          response.on('error', reject);
        },
      );
      request.on('error', reject);
      request.end(payload);
    });
    const type = String(answer.headers['content-type'] ?? '');
    const wrong = this.contract.violations({ method, path, status: answer.status, type, body: answer.text });
    if (wrong.length > 0) throw new Error(`${method} ${path} → ${answer.status}: ${wrong.join('; ')}\n${answer.text}`);
    return answer;
  }

  async close(): Promise<void> {
    for (const device of this.#devices.splice(0)) await device.stop();
    await this.#server.close();
    this.access?.close();
    await this.cloud.stop();
    await this.broker.close();
    await this.simulator.stop();
    this.#folder.remove();
  }
}
