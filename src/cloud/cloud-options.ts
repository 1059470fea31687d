import type { ThingName } from '../core/brand.ts';
import type { DeskSettings } from '../core/desk/desk.ts';
import type { DirectSettings } from '../core/direct/direct-desk.ts';
import { NO_MODEL, type Model } from '../core/model/model.ts';
import type { PresenceSettings } from '../core/presence/track.ts';
import { parseThingName, type ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';
import { NO_METRICS, type Metrics } from '../ports/metrics.ts';
import type { Random } from '../ports/random.ts';
import type { QoS, Transport } from '../ports/transport.ts';
import { defaultDirectTopics, type DirectTopics } from '../protocol/direct-topics.ts';
import { presenceTopic } from '../protocol/presence-topic.ts';
import type { PublishGate } from './cloud.ts';

export interface CloudOptions {
  readonly transport: Transport;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics;
  readonly modelOf?: (ref: ShadowRef) => Model;
  /** Asked before each publish of a command; default: nobody loses a right. */
  readonly gate?: PublishGate;
  readonly desk?: Partial<DeskSettings>;
  /** Where direct commands travel; default `cmd/{thing}/req` and so on. */
  readonly directTopics?: DirectTopics;
  readonly direct?: Partial<DirectSettings>;
  /** Thing names, in which `*` stands for any characters, by the name of the group. */
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  readonly presence?: Partial<PresenceSettings>;
  /** Topic levels of the things to follow; default all (`+`). */
  readonly things?: readonly string[];
  readonly qos?: QoS;
  /** Requests whose answer is still out. Default 500; AWS allows 10 per connection. */
  readonly inFlightMax?: number;
  readonly requestsPerSecond?: number;
  /** The thing behind an MQTT client id; default: the client id, if it can be a thing name. */
  readonly thingOfClient?: (clientId: string) => ThingName | undefined;
  /** Where last wills go, with `+` for the thing name; default `shadowctl/presence/+`. */
  readonly willFilter?: string;
  readonly openPerShadowMax?: number;
  /** How long ended commands are kept. Default 30 days. */
  readonly retentionMs?: number;
  /** Every known shadow is read again about this often. Default 30 minutes. */
  readonly sweepMs?: number;
  /** So many shadows stay in memory although nothing is under way and nothing differs. Default 10,000. */
  readonly desksMax?: number;
  /** More than that go when nothing was heard of them for this long. Default 5 minutes. */
  readonly deskIdleMs?: number;
  /** The same for those whose open commands only wait for their device. Default 2 seconds. */
  readonly deskRestMs?: number;
}

/** What holds where nothing else was said. */
export const CLOUD_DEFAULTS = {
  metrics: NO_METRICS,
  modelOf: (): Model => NO_MODEL,
  directTopics: defaultDirectTopics(),
  groups: {},
  things: ['+'],
  qos: 0,
  /**
   * Without a cap, 20,000 shadows that are asked for at once (after a restart, or when the link returns) answer too late
   * to count, and are asked for again, for ever.
   */
  inFlightMax: 500,
  thingOfClient: (clientId: string): ThingName | undefined => {
    const name = parseThingName(clientId);
    return name.ok ? name.value : undefined;
  },
  willFilter: presenceTopic('+' as ThingName),
  openPerShadowMax: 1_000,
  retentionMs: 30 * 24 * 60 * 60 * 1000,
  sweepMs: 30 * 60 * 1000,
  desksMax: 10_000,
  deskIdleMs: 5 * 60 * 1000,
  deskRestMs: 2_000,
} as const satisfies Partial<CloudOptions>;
