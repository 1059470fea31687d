import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { Aedes, type AedesOptions, type AuthenticateError, type Client } from 'aedes';
import type { EpochMs } from '../../src/core/brand.ts';
import type { HostPort } from '../../src/core/host-port.ts';
import { problem } from '../../src/core/problem.ts';
import { done, fail, ok, type Result } from '../../src/core/result.ts';
import { dropOnlyTrueDuplicates } from './duplicates.ts';
import { Interest } from './interest.ts';
import { keepSessions, type KeptTexts, type SessionKeeper } from './kept-sessions.ts';
import type { MessageRate } from './message-rate.ts';
import { ConnectionQuotas, type Packet, type Quotas } from './quotas.ts';
import { WriteBatch } from './write-batch.ts';

/** What the broker asks about every connection and message. */
export interface BrokerHooks {
  /** May `client` connect? It has its id; a TLS connection its certificate. */
  readonly connecting?: (client: Client) => 'allow' | 'deny';
  /** A refusal closes the connection of an MQTT 3.1.1 client and answers 0x87 to an MQTT 5 one. */
  readonly publishing?: (client: Client, topic: string) => 'allow' | 'deny';
  readonly subscribing?: (client: Client, filter: string) => 'allow' | 'deny';
  readonly receiving?: (client: Client, topic: string) => 'allow' | 'deny';
  /** Every message that a client published, in order of arrival; wills come with `will`. */
  readonly published?: (message: PublishedMessage) => void;
  /** Left out: none. */
  readonly quotas?: Quotas;
  /** Left out: as many messages as anybody likes. */
  readonly rate?: MessageRate;
  /** Where retained messages and persistent sessions outlive the process. Left out: nowhere. */
  readonly kept?: { readonly texts: KeptTexts; readonly now: () => EpochMs };
  readonly connected?: (client: Client) => void;
  readonly disconnected?: (client: Client, why: ClosedBy) => void;
}

export interface PublishedMessage {
  readonly client: Client;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly will: boolean;
}

export type ClosedBy = 'client' | 'takeover' | 'keep_alive' | 'client_error' | 'denied' | 'server' | 'lost';

/** The service's limit on a payload; a larger message ends the connection (R84). */
export const PAYLOAD_BYTES_MAX = 128 * 1024;
/** Room for the topic and the properties of a message around the largest payload. */
const PACKET_BYTES_MAX = PAYLOAD_BYTES_MAX + 8 * 1024;
/** One frozen subscriber must not hold back the others for long. */
const DRAIN_TIMEOUT_MS = 5_000;
/** As long as AWS keeps a persistent session at most. */
const SESSION_SECONDS_MAX = 7 * 24 * 3600;

/**
 * The embedded MQTT broker: 3.1.1 and 5 on the same ports. Everything it knows of AWS comes in through the hooks.
 *
 * Differences from AWS that the library brings are listed in docs/SHADOW-SERVICE.md.
 */
export class Broker {
  readonly interest = new Interest();
  readonly #aedes: Aedes;
  readonly #hooks: BrokerHooks;
  readonly #quotas: ConnectionQuotas | undefined;
  #keeper: SessionKeeper | undefined;
  readonly #servers = new Set<Server>();
  readonly #sockets = new Set<Socket>();
  readonly #writes = new WriteBatch();
  readonly #closedBy = new WeakMap<Client, ClosedBy>();

  private constructor(aedes: Aedes, hooks: BrokerHooks) {
    this.#aedes = aedes;
    this.#hooks = hooks;
    if (hooks.quotas !== undefined) this.#quotas = new ConnectionQuotas(hooks.quotas);
  }

  static async open(hooks: BrokerHooks): Promise<Broker> {
    const options: AedesOptions = {
      // Unlimited: with a limit, messages to one frozen subscriber would hold up everybody's.
      concurrency: 0,
      drainTimeout: DRAIN_TIMEOUT_MS,
      maximumPacketSize: PACKET_BYTES_MAX,
      sessionExpiryIntervalLimit: SESSION_SECONDS_MAX,
      // A client may publish before its CONNACK arrives; a whole window of messages fits.
      queueLimit: 1_000,
      maxClientsIdLength: 128,
    };
    const aedes = await Aedes.createBroker(options);
    const broker = new Broker(aedes, hooks);
    dropOnlyTrueDuplicates(aedes);
    skipWhatNobodyHears(aedes, broker.interest);
    if (hooks.kept !== undefined) {
      const { texts, now } = hooks.kept;
      broker.#keeper = await keepSessions(aedes, { kept: texts, now, interest: broker.interest });
    }
    broker.#install();
    return broker;
  }

  /** Answers with the port, which `port: 0` leaves to the system. */
  async listen({ host, port }: HostPort, tls?: TlsOptions): Promise<Result<number>> {
    const handle = (socket: Socket) => {
      this.#sockets.add(socket);
      this.#writes.attach(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      // Types say that nothing comes back; the library's own tests use what does.
      const client = this.#aedes.handle(socket) as unknown as Insides;
      client._parser.prependListener('packet', (packet: IncomingPacket) => this.#judge(client, packet));
    };
    const server =
      tls === undefined
        ? createServer({ noDelay: true }, handle)
        : createTlsServer({ ...tls, noDelay: true } as TlsOptions, handle);
    // A client that fails the TLS handshake is its own problem.
    server.on('tlsClientError', () => undefined);
    const listening = await listen(server, { host, port });
    if (listening.ok) this.#servers.add(server);
    return listening;
  }

  publish(topic: string, payload: string | Buffer): void {
    this.#aedes.publish({ cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false }, () => undefined);
  }

  clients(): Client[] {
    return Object.values((this.#aedes as unknown as { clients: Record<string, Client> }).clients);
  }

  /** Ends a client's connection without an MQTT goodbye; false if there is none. */
  cut(clientId: string): boolean {
    const client = this.clients().find(({ id }) => id === clientId);
    if (client !== undefined) this.cutClient(client);
    return client !== undefined;
  }

  cutClient(client: Client): void {
    this.#closedBy.set(client, 'server');
    client.conn.destroy();
  }

  /** Ends in order: MQTT 5 clients are told, all sockets are closed. May be called twice. */
  async stop(): Promise<void> {
    const closed = [...this.#servers].map((server) => new Promise((resolve) => server.close(resolve)));
    this.#servers.clear();
    for (const client of this.clients()) this.#closedBy.set(client, 'server');
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  /** Before the library sees the packet; what it shall not carry out is changed into something without effect. */
  #judge(client: Insides, packet: IncomingPacket): void {
    const judgement = this.#quotas?.judge(packet, client.version) ?? 'pass';
    const tooMany = packet.cmd === 'publish' && this.#hooks.rate?.take(client as unknown as Client, 'in') === false;
    if (typeof judgement === 'number') {
      this.#closedBy.set(client as unknown as Client, 'denied');
      client.disconnect({ reasonCode: judgement });
      packet.cmd = 'refused';
    } else if (judgement === 'ignore' || tooMany) {
      packet.ignored = true;
      packet.subscriptions = [];
      if (packet.cmd === 'subscribe') delete packet.messageId;
    }
  }

  #install(): void {
    const aedes = this.#aedes;
    const { connecting, publishing, subscribing, receiving, published, rate } = this.#hooks;
    aedes.authenticate = (client, _username, _password, callback) => {
      if (connecting?.(client) === 'deny') return callback(notAuthorized(), false);
      // A session that starts clean has no subscriptions, whatever an earlier one of that name had.
      if ((client as unknown as { _cleanStart: boolean })._cleanStart) this.interest.forget(client.id);
      callback(null, true);
    };
    aedes.authorizePublish = (client, packet, callback) => {
      if (client === null) return callback(null);
      if ((packet as IncomingPacket).ignored === true) return ignore(packet, callback);
      const { topic, payload } = packet;
      const refusal = publishRefusal(packet) ?? publishing?.(client, topic);
      if (refusal === 'deny') {
        this.#closedBy.set(client, 'denied');
        return callback(new Error('not authorized'));
      }
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
      this.#keeper?.beforeAcknowledgement({ ...packet, payload: bytes });
      // First the acknowledgement and the subscribers, then whoever acts on the message.
      callback(null);
      // A will has no command; the shadow service ignores it (R8).
      const will = (packet as { cmd?: string }).cmd === undefined;
      published?.({ client, topic, payload: bytes, will });
    };
    aedes.authorizeSubscribe = (client, subscription, callback) => {
      const { topic } = subscription;
      if (this.#quotas?.subscribe(client, topic) === false) return callback(null, null);
      if (subscribing?.(client, topic) === 'deny') return callback(null, null);
      this.interest.add(client.id, topic);
      callback(null, subscription);
    };
    if (receiving !== undefined || rate !== undefined) {
      aedes.authorizeForward = (client, packet) =>
        receiving?.(client, packet.topic) === 'deny' || rate?.take(client, 'out') === false ? null : packet;
    }
    aedes.on('unsubscribe', (filters, client) => {
      for (const filter of filters) {
        this.interest.remove(client.id, filter);
        this.#quotas?.unsubscribe(client, filter);
      }
    });
    aedes.on('sessionExpired', (client) => this.interest.forget(client.id));
    aedes.on('keepaliveTimeout', (client) => this.#closedBy.set(client, 'keep_alive'));
    aedes.on('clientError', (client, error) => {
      const lost = (error as NodeJS.ErrnoException).code !== undefined;
      if (!this.#closedBy.has(client)) this.#closedBy.set(client, lost ? 'lost' : 'client_error');
    });
    aedes.on('clientReady', (client) => this.#hooks.connected?.(client));
    aedes.on('clientDisconnect', (client) => this.#hooks.disconnected?.(client, this.#why(client)));
  }

  #why(client: Client): ClosedBy {
    const { _takingOver } = this.#aedes as unknown as { _takingOver: Set<string> };
    if (_takingOver.has(client.id)) return 'takeover';
    if ((client as unknown as { _disconnected: boolean })._disconnected) return 'client';
    return this.#closedBy.get(client) ?? 'lost';
  }
}

/** What the library keeps to itself. */
interface Insides {
  readonly version: number;
  readonly _parser: { prependListener(event: 'packet', listener: (packet: IncomingPacket) => void): void };
  disconnect(reason: { reasonCode: number }): void;
}

interface IncomingPacket extends Packet {
  cmd: string;
  subscriptions?: NonNullable<Packet['subscriptions']>;
  messageId?: number;
  ignored?: boolean;
}

/** Neither published nor acknowledged: the library believes that it answered already. */
function ignore(packet: object, callback: (error?: Error | null) => void): void {
  (packet as { _notAuthorized?: boolean })._notAuthorized = true;
  callback(null);
}

/** What a client publishes and nobody listens to is done with at once: requests to the shadow service, before all. */
function skipWhatNobodyHears(aedes: Aedes, interest: Interest): void {
  const insides = aedes as unknown as { publish: Publish };
  const publish = insides.publish.bind(aedes);
  insides.publish = (packet, client, done) => {
    if (typeof client === 'function' || packet.retain || interest.in(packet.topic))
      return publish(packet, client, done);
    queueMicrotask(() => done?.(null));
  };
}

type Done = (error?: Error | null) => void;
type Publish = (packet: { topic: string; retain?: boolean }, client: Client | Done, done?: Done) => void;

/** Reserved topics take no retained messages (R7); `$SYS` is the broker's own; too large is too large. */
function publishRefusal(packet: { topic: string; retain: boolean; payload: string | Buffer }): 'deny' | undefined {
  const { topic, retain, payload } = packet;
  const reserved = topic.startsWith('$SYS/') || (retain && topic.startsWith('$'));
  return reserved || payload.length > PAYLOAD_BYTES_MAX ? 'deny' : undefined;
}

function notAuthorized(): AuthenticateError {
  return Object.assign(new Error('not authorized'), { returnCode: 5 }) as AuthenticateError;
}

async function listen(server: Server, { host, port }: HostPort): Promise<Result<number>> {
  const result = await new Promise<Result<void>>((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(fail(listenProblem(error, { host, port }))));
    server.listen(port, host, () => resolve(done));
  });
  if (!result.ok) return result;
  const address = server.address();
  return ok(typeof address === 'object' && address !== null ? address.port : port);
}

export function listenProblem(error: NodeJS.ErrnoException, { host, port }: HostPort) {
  const at = `${host}:${port}`;
  return error.code === 'EADDRINUSE'
    ? problem('address_in_use', `somebody else already listens on ${at}; take another port, or 0 for any`, { at })
    : problem('invalid_config', `cannot listen on ${at}: ${error.message}`, { at, cause: error });
}
