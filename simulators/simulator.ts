import { join } from 'node:path';
import { SystemClock } from '../src/adapters/system/clock.ts';
import type { TextTable } from '../src/adapters/sqlite/text-table.ts';
import { parseHostPort } from '../src/core/host-port.ts';
import { ok, type Result } from '../src/core/result.ts';
import type { ShadowDocument } from '../src/core/shadow/document.ts';
import { AWS_RULES, type ShadowRules } from '../src/core/shadow/limits.ts';
import type { Clock } from '../src/ports/clock.ts';
import { SILENT, type Log } from '../src/ports/log.ts';
import { shadowTopic } from '../src/protocol/topics.ts';
import type { PolicyRule } from './access/access.ts';
import { Control } from './control/control.ts';
import { controlRoutes } from './control/control-routes.ts';
import { HttpServer } from './data-plane/http-server.ts';
import { FaultInjector } from './faults/fault-injector.ts';
import {
  embeddedBroker,
  outsideBroker,
  type MessageBus,
  type OutsideOptions,
  type TlsEndpoint,
} from './message-bus.ts';
import { ShadowGateway } from './shadow-service/shadow-gateway.ts';
import { ShadowService } from './shadow-service/shadow-service.ts';
import { MemoryShadowStore, type ShadowStore } from './shadow-service/shadow-store.ts';
import { NO_THROTTLE, type ThrottleLimits } from './shadow-service/throttle.ts';

export interface SimulatorOptions {
  /** MQTT on plain TCP, `HOST:PORT`; port 0, the default, takes a free one. */
  readonly mqtt?: string;
  /** MQTT on mutual TLS besides. */
  readonly mqtts?: TlsEndpoint;
  /** By certificate; without a rule a thing's certificate may do what concerns the thing, an application's anything. */
  readonly policies?: readonly PolicyRule[];
  /** The HTTP data plane and the control API, `HOST:PORT`; the default takes a free port of loopback. */
  readonly http?: string;
  /** A broker somewhere else instead of the embedded one: the shadow service becomes its client. */
  readonly broker?: OutsideOptions;
  /** Keeps shadows, retained messages and sessions in this directory; without it they are in memory. */
  readonly data?: string;
  /** Limits and open questions; what is left out is as on AWS. */
  readonly rules?: Partial<ShadowRules>;
  /** Filters per SUBSCRIBE, subscriptions per connection, length and levels of topics, QoS 2: as on AWS unless `none`. */
  readonly quotas?: 'aws' | 'none';
  /** AWS's rates (`AWS_THROTTLE`); off by default. */
  readonly throttle?: ThrottleLimits;
  /** Is an update that came over HTTP told on `update/accepted` too? Default yes; nothing public settles it. */
  readonly httpAcceptedOverMqtt?: boolean;
  readonly clock?: Clock;
  readonly log?: Log;
}

/** A running local cloud. */
export interface Simulator {
  /** `mqtt://127.0.0.1:41234`, MQTT 3.1.1 and 5. */
  readonly mqttUrl: string;
  readonly mqttsUrl?: string;
  /** `http://127.0.0.1:41235`: the data plane, and the control API below `/simulator/`. */
  readonly httpUrl: string;
  readonly control: Control;
  /** The document of `thing` or `thing/shadow`, or undefined. For assertions; devices ask by MQTT. */
  document(key: string): ShadowDocument | undefined;
  /** Ends a client's connection without a goodbye; false if it has none. */
  cut(clientId: string): boolean;
  /** Ids of the clients that are connected. */
  clients(): string[];
  /** Ends everything it opened. May be called twice. */
  stop(): Promise<void>;
}

const ANY_PORT = '127.0.0.1:0';

/** Opens the local cloud. Fails with `address_in_use`, `invalid_config` or a transport problem; nothing stays open then. */
export async function openSimulator(options: SimulatorOptions = {}): Promise<Result<Simulator>> {
  const httpAddress = parseHostPort(options.http ?? ANY_PORT);
  if (!httpAddress.ok) return httpAddress;
  const clock = options.clock ?? new SystemClock();
  const opened = await openFiles(options);
  if (!opened.ok) return opened;
  const { store, sessions } = opened.value;

  const injector = new FaultInjector();
  const control: Control = new Control({
    clock,
    store,
    injector,
    cut: (clientId) => bus.cut(clientId),
    clients: () => bus.clients(),
  });
  const now = () => control.now();
  const bus: MessageBus = await busFor(options, sessions, {
    now,
    receive: (request, requester) => gateway.receive(request, requester),
    announce: (topic, body) => gateway.announce(topic, body),
  });
  const service = new ShadowService({
    rules: { ...AWS_RULES, ...options.rules },
    store,
    listened: (ref, kind) => bus.listened(shadowTopic(ref, kind)),
  });
  const gateway = new ShadowGateway({
    service,
    publish: (topic, body) => bus.publish(topic, body),
    listened: (topic) => bus.listened(topic),
    clock,
    now,
    log: options.log ?? SILENT,
    injector,
    throttle: options.throttle ?? NO_THROTTLE,
    httpAcceptedOverMqtt: options.httpAcceptedOverMqtt ?? true,
  });
  const http = new HttpServer({
    service,
    gateway,
    now,
    publish: (topic, payload) => bus.inject(topic, payload),
    extra: controlRoutes(control),
  });

  const stop = async () => {
    gateway.stop();
    await http.stop();
    await bus.stop();
    store.close();
    sessions?.close();
  };
  const urls = await bus.start();
  const httpPort = urls.ok ? await http.listen(httpAddress.value) : urls;
  if (!urls.ok || !httpPort.ok) {
    await stop();
    return urls.ok ? (httpPort as Result<never>) : urls;
  }
  let stopped: Promise<void> | undefined;
  return ok({
    ...urls.value,
    httpUrl: `http://${httpAddress.value.host}:${httpPort.value}`,
    control,
    document: (key) => control.document(key),
    cut: (clientId) => control.cut(clientId),
    clients: () => control.clients(),
    stop: () => (stopped ??= stop()),
  });
}

async function openFiles({
  data,
  broker,
}: SimulatorOptions): Promise<Result<{ store: ShadowStore; sessions?: TextTable }>> {
  if (data === undefined) return ok({ store: new MemoryShadowStore() });
  // Loaded only when asked for: it is native code.
  const { FileShadowStore } = await import('./shadow-service/file-shadow-store.ts');
  const store = await FileShadowStore.open(data);
  // Another broker keeps its sessions itself.
  if (!store.ok || broker !== undefined) return store.ok ? ok({ store: store.value }) : store;
  const { TextTable } = await import('../src/adapters/sqlite/text-table.ts');
  const sessions = await TextTable.open(join(data, 'sessions.db'));
  if (sessions.ok) return ok({ store: store.value, sessions: sessions.value });
  store.value.close();
  return sessions;
}

function busFor(
  options: SimulatorOptions,
  sessions: TextTable | undefined,
  hooks: Parameters<typeof outsideBroker>[1],
): Promise<MessageBus> {
  if (options.broker !== undefined) return Promise.resolve(outsideBroker(options.broker, hooks));
  const { mqtt = ANY_PORT, mqtts, policies = [], quotas = 'aws', throttle = NO_THROTTLE } = options;
  const { messagesPerSecondPerConnection } = throttle;
  return embeddedBroker(
    {
      mqtt,
      policies,
      quotas,
      messagesPerSecondPerConnection,
      ...(sessions && { kept: sessions }),
      ...(mqtts === undefined ? {} : { mqtts }),
    },
    hooks,
  );
}
