import type { Client } from 'aedes';

/** What AWS refuses whatever a policy says, and a local broker would let pass until the day of the move. */
export interface Quotas {
  readonly filtersPerRequest: number;
  readonly subscriptionsPerConnection: number;
  readonly topicBytesMax: number;
  readonly topicSlashesMax: number;
}

/** Source   R1, R6; the topic's length by AWS's quota page. */
export const AWS_QUOTAS: Quotas = {
  filtersPerRequest: 8,
  subscriptionsPerConnection: 50,
  topicBytesMax: 256,
  topicSlashesMax: 7,
};

/** As the library parsed it; what is not here does not matter. */
export interface Packet {
  readonly cmd: string;
  /** Null for most kinds. */
  readonly topic?: string | null;
  readonly qos?: number;
  readonly subscriptions?: readonly { readonly topic: string; readonly qos: number }[];
  readonly unsubscriptions?: readonly string[];
}

/** `ignore`: neither carried out nor answered. A number ends the connection, MQTT 5 clients are told it as the reason. */
export type Judgement = 'pass' | 'ignore' | number;

const QOS_NOT_SUPPORTED = 0x9b;
const TOPIC_NAME_INVALID = 0x90;
const QUOTA_EXCEEDED = 0x97;

/**
 * The quotas of a connection. QoS 2 is never answered (R7), and ends an MQTT 5 connection, whose clients can be told why. A
 * request with too many filters or a message on an impossible topic ends the connection; a subscription too many, or an
 * impossible filter, is refused alone.
 */
export class ConnectionQuotas {
  readonly #quotas: Quotas;
  readonly #filters = new WeakMap<Client, Set<string>>();

  constructor(quotas: Quotas) {
    this.#quotas = quotas;
  }

  judge(packet: Packet, mqttVersion: number): Judgement {
    const { cmd, topic, qos, subscriptions, unsubscriptions } = packet;
    const exactlyOnce = qos === 2 || subscriptions?.some((subscription) => subscription.qos === 2);
    if (cmd === 'publish' || cmd === 'subscribe') {
      if (exactlyOnce === true) return mqttVersion === 5 ? QOS_NOT_SUPPORTED : 'ignore';
      if (typeof topic === 'string' && !this.#fits(topic)) return TOPIC_NAME_INVALID;
    }
    const filters = subscriptions?.length ?? unsubscriptions?.length ?? 0;
    return filters > this.#quotas.filtersPerRequest ? QUOTA_EXCEEDED : 'pass';
  }

  /** May the connection have this filter besides those it has? Then it counts. */
  subscribe(client: Client, filter: string): boolean {
    let filters = this.#filters.get(client);
    if (filters === undefined) this.#filters.set(client, (filters = new Set()));
    if (!this.#fits(filter)) return false;
    if (!filters.has(filter) && filters.size >= this.#quotas.subscriptionsPerConnection) return false;
    filters.add(filter);
    return true;
  }

  unsubscribe(client: Client, filter: string): void {
    this.#filters.get(client)?.delete(filter);
  }

  #fits(topic: string): boolean {
    const { topicBytesMax, topicSlashesMax } = this.#quotas;
    // No character has more than three bytes per unit: most topics need no count.
    if (topic.length * 3 > topicBytesMax && Buffer.byteLength(topic) > topicBytesMax) return false;
    let slashes = 0;
    for (let at = topic.indexOf('/'); at >= 0; at = topic.indexOf('/', at + 1)) slashes += 1;
    return slashes <= topicSlashesMax;
  }
}
