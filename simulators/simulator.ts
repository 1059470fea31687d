import type { EpochMs } from '../src/core/brand.ts';
import { parseHostPort } from '../src/core/host-port.ts';
import { ok, type Result } from '../src/core/result.ts';
import type { ShadowDocument } from '../src/core/shadow/document.ts';
import { AWS_RULES, type ShadowRules } from '../src/core/shadow/limits.ts';
import { parseShadowKey } from '../src/core/shadow/shadow-ref.ts';
import { parseShadowTopic, shadowTopic } from '../src/protocol/topics.ts';
import { Broker, type PublishedMessage } from './broker/broker.ts';
import { Presence, type PresenceEvent } from './broker/presence.ts';
import { ShadowService } from './shadow-service/shadow-service.ts';
import { MemoryShadowStore } from './shadow-service/shadow-store.ts';

export interface SimulatorOptions {
  /** MQTT on plain TCP, `HOST:PORT`; port 0 takes a free one. */
  readonly mqtt?: string;
  /** The HTTP data plane, `HOST:PORT`. */
  readonly http?: string;
  /** Limits and open questions; what is left out is as on AWS. */
  readonly rules?: Partial<ShadowRules>;
  /** Service time. The default is the system's. */
  readonly now?: () => EpochMs;
}

/** A running local cloud. */
export interface Simulator {
  /** `mqtt://127.0.0.1:41234`, MQTT 3.1.1 and 5. */
  readonly mqttUrl: string;
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

/** Opens the local cloud. Fails with `address_in_use` or `invalid_config`; nothing stays open then. */
export async function openSimulator(options: SimulatorOptions = {}): Promise<Result<Simulator>> {
  const now = options.now ?? (() => Date.now() as EpochMs);
  const address = parseHostPort(options.mqtt ?? ANY_PORT);
  if (!address.ok) return address;

  const store = new MemoryShadowStore();
  const presence = new Presence();
  const broker: Broker = await Broker.open({
    published: (message) => onPublished(message),
    connected: (client) => announce(presence.connected(client, now())),
    disconnected: (client, why) => announce(presence.disconnected(client, why, now())),
  });
  const service = new ShadowService({
    rules: { ...AWS_RULES, ...options.rules },
    store,
    listened: (ref, kind) => broker.interest.in(shadowTopic(ref, kind)),
  });

  function announce(event: PresenceEvent | undefined): void {
    if (event !== undefined) broker.publish(event.topic, event.body);
  }

  function onPublished({ topic, payload, will }: PublishedMessage): void {
    if (will || !topic.startsWith('$aws/things/')) return;
    const parsed = parseShadowTopic(topic);
    if (parsed === undefined) return;
    const { ref, kind } = parsed;
    if (kind !== 'get' && kind !== 'update' && kind !== 'delete') return;
    const { messages } = service.handle({ ref, operation: kind, payload }, now());
    for (const message of messages) {
      const to = shadowTopic(ref, message.kind);
      if (broker.interest.in(to)) broker.publish(to, message.body);
    }
  }

  const port = await broker.listen(address.value);
  if (!port.ok) {
    await broker.stop();
    return port;
  }
  let stopped: Promise<void> | undefined;
  return ok({
    mqttUrl: `mqtt://${address.value.host}:${port.value}`,
    document: (key) => {
      const ref = parseShadowKey(key);
      const entry = ref.ok ? store.entry(ref.value) : undefined;
      return entry !== undefined && 'record' in entry ? entry.record.document : undefined;
    },
    cut: (clientId) => broker.cut(clientId),
    clients: () => broker.clients().map(({ id }) => id),
    stop: () => (stopped ??= broker.stop()),
  });
}
