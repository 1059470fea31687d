import type { EpochMs } from '../src/core/brand.ts';
import { parseHostPort } from '../src/core/host-port.ts';
import { ok, type Result } from '../src/core/result.ts';
import type { Transport } from '../src/ports/transport.ts';
import { parseShadowTopic } from '../src/protocol/topics.ts';
import type { PolicyRule } from './access/access.ts';
import { Broker } from './broker/broker.ts';
import type { KeptTexts } from './broker/kept-sessions.ts';
import { MessageRate } from './broker/message-rate.ts';
import { AWS_QUOTAS } from './broker/quotas.ts';
import { Presence, type PresenceEvent } from './broker/presence.ts';
import type { Requester } from './shadow-service/shadow-gateway.ts';
import type { ServiceRequest } from './shadow-service/shadow-service.ts';

/** MQTT as the shadow service needs it: embedded in this process, or somebody else's broker. */
export interface MessageBus {
  start(): Promise<Result<{ mqttUrl: string; mqttsUrl?: string }>>;
  publish(topic: string, body: string | Buffer): void;
  /** As if a client had published it. */
  inject(topic: string, payload: Buffer): void;
  /** May say yes for nobody; never no for somebody. */
  listened(topic: string): boolean;
  cut(clientId: string): boolean;
  clients(): string[];
  stop(): Promise<void>;
}

export interface BusHooks {
  readonly now: () => EpochMs;
  readonly receive: (request: ServiceRequest, requester: Requester) => void;
  readonly announce: (topic: string, body: string) => void;
}

/** Mutual TLS: PEM texts. */
export interface TlsEndpoint {
  /** `HOST:PORT` */
  readonly address: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface EmbeddedOptions {
  readonly mqtt: string;
  readonly mqtts?: TlsEndpoint;
  readonly policies: readonly PolicyRule[];
  readonly quotas: 'aws' | 'none';
  /** Where sessions and retained messages are kept, if anywhere. */
  readonly kept?: KeptTexts;
  /** 0: no limit. */
  readonly messagesPerSecondPerConnection: number;
}

export interface OutsideOptions {
  readonly transport: Transport;
  readonly url: string;
  /** False: nobody listens to `update/documents`, and none is built. */
  readonly documents?: boolean;
}

export async function embeddedBroker(options: EmbeddedOptions, hooks: BusHooks): Promise<MessageBus> {
  const access = options.mqtts === undefined ? undefined : await openAccess(options.policies);
  const requests = new RequestReader();
  const presence = new Presence((client) => access?.principalId(client) ?? 'anonymous');
  const announce = (event: PresenceEvent | undefined) => {
    if (event !== undefined) hooks.announce(event.topic, event.body);
  };
  const perSecond = options.messagesPerSecondPerConnection;
  const broker: Broker = await Broker.open({
    ...(options.quotas === 'none' ? {} : { quotas: AWS_QUOTAS }),
    ...(options.kept === undefined ? {} : { kept: { texts: options.kept, now: hooks.now } }),
    ...(perSecond === 0 ? {} : { rate: new MessageRate(perSecond, hooks.now) }),
    ...(access === undefined
      ? {}
      : {
          connecting: (client) => verdict(access.connect(client)),
          publishing: (client, topic) => verdict(access.publish(client, topic)),
          subscribing: (client, filter) => verdict(access.subscribe(client, filter)),
          receiving: (client, topic) => verdict(access.receive(client, topic)),
        }),
    connected: (client) => announce(presence.connected(client, hooks.now())),
    disconnected: (client, why) => announce(presence.disconnected(client, why, hooks.now())),
    published: ({ client, topic, payload, will }) => {
      const request = will ? undefined : requests.read(topic, payload);
      // By the connection, not by the id: a client that took over is somebody else.
      if (request !== undefined) hooks.receive(request, { connection: client.id, cut: () => broker.cutClient(client) });
    },
  });
  return {
    start: async () => {
      const urls: { mqttUrl: string; mqttsUrl?: string } = { mqttUrl: '' };
      const plain = await listenOn(broker, options.mqtt);
      if (!plain.ok) return plain;
      urls.mqttUrl = `mqtt://${plain.value}`;
      if (options.mqtts !== undefined) {
        const { address, ca, cert, key } = options.mqtts;
        const secure = await listenOn(broker, address, { ca, cert, key });
        if (!secure.ok) return secure;
        urls.mqttsUrl = `mqtts://${secure.value}`;
      }
      return ok(urls);
    },
    publish: (topic, body) => broker.publish(topic, body),
    inject: (topic, payload) => {
      broker.publish(topic, payload);
      const request = requests.read(topic, payload);
      if (request !== undefined) hooks.receive(request, { connection: 'http', cut: () => undefined });
    },
    listened: (topic) => broker.interest.in(topic),
    cut: (clientId) => broker.cut(clientId),
    clients: () => broker.clients().map(({ id }) => id),
    stop: () => broker.stop(),
  };
}

/** Loaded only when certificates matter. */
async function openAccess(policies: readonly PolicyRule[]) {
  const { Access } = await import('./access/access.ts');
  return new Access(policies);
}

const REQUEST_FILTERS = ['get', 'update', 'delete'].flatMap((operation) => [
  { filter: `$aws/things/+/shadow/${operation}`, qos: 1 as const },
  { filter: `$aws/things/+/shadow/name/+/${operation}`, qos: 1 as const },
]);

/**
 * The service as a client of another broker. That broker knows who listens and who is connected, we do not: `documents` is
 * built unless told otherwise, and there are no lifecycle events, no policies and no cutting of connections.
 */
export function outsideBroker({ transport, url, documents = true }: OutsideOptions, hooks: BusHooks): MessageBus {
  const requests = new RequestReader();
  return {
    start: async () => {
      const subscribed = await transport.subscribe(REQUEST_FILTERS, ({ topic, payload }) => {
        const request = requests.read(topic, payload);
        // A client of that broker stands for all of them; a thing is the nearest to a connection that is known.
        if (request !== undefined) {
          hooks.receive(request, { connection: request.ref.thingName, cut: () => undefined });
        }
      });
      if (!subscribed.ok) return subscribed;
      const started = await transport.start();
      return started.ok ? ok({ mqttUrl: url }) : started;
    },
    publish: (topic, body) => void transport.publish({ topic, payload: body, qos: 1 }),
    inject: (topic, payload) => void transport.publish({ topic, payload, qos: 1 }),
    listened: (topic) => documents || !topic.endsWith('/update/documents'),
    cut: () => false,
    clients: () => [],
    stop: () => transport.stop(),
  };
}

/** A fleet's request topics come again and again; taking one apart costs more than looking it up. */
const TOPICS_KEPT = 10_000;

/** Tells the requests to the shadow service from everything else that is published. */
class RequestReader {
  readonly #known = new Map<string, Pick<ServiceRequest, 'ref' | 'operation'>>();

  read(topic: string, payload: Uint8Array): ServiceRequest | undefined {
    if (!topic.startsWith('$aws/things/')) return undefined;
    const known = this.#known.get(topic) ?? this.#parse(topic);
    return known && { ref: known.ref, operation: known.operation, payload };
  }

  #parse(topic: string): Pick<ServiceRequest, 'ref' | 'operation'> | undefined {
    const parsed = parseShadowTopic(topic);
    if (parsed === undefined) return undefined;
    const { ref, kind } = parsed;
    if (kind !== 'get' && kind !== 'update' && kind !== 'delete') return undefined;
    if (this.#known.size >= TOPICS_KEPT) this.#known.clear();
    const request = { ref, operation: kind };
    this.#known.set(topic, request);
    return request;
  }
}

function verdict(allowed: boolean): 'allow' | 'deny' {
  return allowed ? 'allow' : 'deny';
}

async function listenOn(
  broker: Broker,
  text: string,
  tls?: { ca: string; cert: string; key: string },
): Promise<Result<string>> {
  const address = parseHostPort(text);
  if (!address.ok) return address;
  const { host } = address.value;
  // Without a certificate of our authority nobody gets in.
  const port = await broker.listen(address.value, tls && { ...tls, requestCert: true, rejectUnauthorized: true });
  return port.ok ? ok(`${host.includes(':') ? `[${host}]` : host}:${port.value}`) : port;
}
