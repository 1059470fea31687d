import type { ThingName } from '../core/brand.ts';
import type { Result } from '../core/result.ts';
import { done } from '../core/result.ts';
import { parseThingName, shadowKey, type ShadowRef } from '../core/shadow/shadow-ref.ts';
import { writeIdOf } from '../core/command/write.ts';
import { LIFECYCLE_FILTERS, parseLifecycleEvent } from '../protocol/lifecycle-events.ts';
import { isShadowMessageKind, parseShadowMessage, type ShadowMessage } from '../protocol/shadow-messages.ts';
import { parseShadowTopic } from '../protocol/topics.ts';
import type { Cancel } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { IncomingMessage, QoS, Transport } from '../ports/transport.ts';
import type { Desks } from './desks.ts';
import type { Outbox } from './outbox.ts';
import type { PresenceKeeper } from './presence-keeper.ts';
import type { SteadyTime } from './steady-time.ts';

/** At most this many filters in one SUBSCRIBE (R6). */
const FILTERS_MAX = 8;

const PLACES_MAX = 10_000;

/** What the broker says where a second client of the same id ends the connection of the first. */
const TAKEN_OVER = 'DUPLICATE_CLIENTID';

const FOLLOWED = ['update/accepted', 'update/rejected', 'get/accepted', 'get/rejected', 'delete/accepted'] as const;

export interface WatcherOptions {
  readonly transport: Transport;
  readonly desks: Desks;
  readonly outbox: Outbox;
  readonly presence: PresenceKeeper;
  readonly time: SteadyTime;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Which things to follow: a topic level, `+` for all. */
  readonly things: readonly string[];
  /** Lost messages are repaired by `get`, and acknowledgements on the way in would stall answers on the way out. */
  readonly qos: QoS;
  /** The thing behind an MQTT client id; undefined for clients that are no devices. */
  readonly thingOfClient: (clientId: string) => ThingName | undefined;
  /** Topic filter of last wills, with the thing name at the level of its `+`; none if undefined. */
  readonly willFilter?: string;
}

/** Reads what the broker says, and tells desks and presence. Decides nothing. */
export class Watcher {
  readonly #options: WatcherOptions;
  readonly #cancels: Cancel[] = [];
  readonly #places = new Map<string, NonNullable<ReturnType<typeof parseShadowTopic>>>();

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  async start(): Promise<Result<void>> {
    const { transport, things, qos, willFilter } = this.#options;
    const shadows = things.flatMap((thing) =>
      [`$aws/things/${thing}/shadow`, `$aws/things/${thing}/shadow/name/+`].flatMap((prefix) =>
        FOLLOWED.map((kind) => `${prefix}/${kind}`),
      ),
    );
    const groups: [string[], (message: IncomingMessage) => void][] = [
      ...chunks(shadows, FILTERS_MAX).map((filters): [string[], (message: IncomingMessage) => void] => [
        filters,
        (message) => this.#onShadowMessage(message),
      ]),
      [[...LIFECYCLE_FILTERS], (message) => this.#onLifecycle(message)],
      ...(willFilter === undefined
        ? []
        : [
            [[willFilter], (message: IncomingMessage) => this.#onWill(message, willFilter)] as [
              string[],
              (message: IncomingMessage) => void,
            ],
          ]),
    ];
    for (const [filters, handler] of groups) {
      const subscribed = await transport.subscribe(
        filters.map((filter) => ({ filter, qos })),
        handler,
      );
      if (!subscribed.ok) return subscribed;
      this.#cancels.push(subscribed.value);
    }
    return done;
  }

  stop(): void {
    for (const cancel of this.#cancels.splice(0)) cancel();
  }

  #onShadowMessage({ topic, payload }: IncomingMessage): void {
    const { metrics, log } = this.#options;
    const place = this.#placeOf(topic);
    if (place === undefined || !isShadowMessageKind(place.kind)) {
      metrics.count('shadow_messages_total', { direction: 'in', kind: 'other', outcome: 'ignored' });
      return;
    }
    const message = parseShadowMessage(place.kind, payload);
    if (!message.ok) {
      metrics.count('shadow_quarantined_messages_total', { reason: message.problem.code });
      log.warn(
        { shadow: shadowKey(place.ref), kind: place.kind, code: message.problem.code },
        'a message could not be read',
      );
      return;
    }
    metrics.count('shadow_messages_total', { direction: 'in', kind: place.kind, outcome: 'read' });
    this.#tell(place.ref, message.value);
  }

  /** The same few topics of the same devices come again and again. */
  #placeOf(topic: string): ReturnType<typeof parseShadowTopic> {
    const known = this.#places.get(topic);
    if (known !== undefined) return known;
    const place = parseShadowTopic(topic);
    if (place === undefined) return undefined;
    if (this.#places.size >= PLACES_MAX) this.#places.clear();
    this.#places.set(topic, place);
    return place;
  }

  #tell(ref: ShadowRef, message: ShadowMessage): void {
    const { desks, outbox, presence, time } = this.#options;
    const { clientToken } = message;
    const jumpedMs = message.timestamp === undefined ? 0 : time.hear(message.timestamp);
    if (jumpedMs !== 0) {
      this.#options.log.warn({ jumpedMs }, 'the clock was corrected to the time of the service');
      desks.jumped(jumpedMs);
    }
    switch (message.kind) {
      case 'update/accepted': {
        if (clientToken !== undefined) outbox.settle(clientToken);
        desks.send(ref, { type: 'accepted', update: message });
        if (message.state.reported !== undefined && writeIdOf(clientToken) === undefined) {
          presence.hear(ref.thingName, { type: 'traffic' });
        }
        return;
      }
      case 'update/rejected': {
        const writeId = writeIdOf(clientToken);
        if (writeId === undefined || clientToken === undefined) return; // somebody else's (A14)
        outbox.settle(clientToken);
        desks.send(ref, { type: 'rejected', writeId, code: message.code, message: message.message });
        return;
      }
      case 'get/accepted': {
        const serial = this.#serial(ref, clientToken);
        desks.send(ref, { type: 'read', read: message, ...(serial === undefined ? {} : { serial }) });
        return;
      }
      case 'get/rejected': {
        const serial = this.#serial(ref, clientToken);
        if (serial === undefined) return;
        if (message.code === 404) desks.send(ref, { type: 'absent', serial });
        else desks.send(ref, { type: 'unread', serial, code: String(message.code) });
        return;
      }
      case 'delete/accepted':
        desks.send(ref, { type: 'deleted', version: message.version });
        return;
      case 'update/delta':
      case 'update/documents':
      case 'delete/rejected':
        return;
    }
  }

  #serial(ref: ShadowRef, token: string | undefined): number | undefined {
    const serial = this.#options.desks.serialOf(token);
    if (serial !== undefined) this.#options.outbox.settle(`${shadowKey(ref)} ${token ?? ''}`);
    return serial;
  }

  #onLifecycle({ payload }: IncomingMessage): void {
    const { presence, thingOfClient, metrics, log } = this.#options;
    const event = parseLifecycleEvent(payload);
    if (!event.ok) {
      metrics.count('shadow_quarantined_messages_total', { reason: event.problem.code });
      return;
    }
    const thingName = thingOfClient(event.value.clientId);
    if (thingName === undefined) return;
    const { type, version, reason } = event.value;
    if (type === 'disconnected' && reason === TAKEN_OVER) {
      // Once it is a device that came back before it was missed; again and again it is two devices of one identity.
      metrics.count('shadow_takeovers_total');
      log.warn({ thingName }, 'another connection took over the client id of a thing');
    }
    presence.hear(thingName, type === 'connected' ? { type, version } : { type, version, reason });
  }

  /** Whatever a will says, it says that the device has gone; `online` or `{"connected":true}` takes it back. */
  #onWill({ topic, payload }: IncomingMessage, filter: string): void {
    const level = filter.split('/').indexOf('+');
    const thing = parseThingName(topic.split('/')[level] ?? '');
    if (!thing.ok) return;
    const text = new TextDecoder().decode(payload.subarray(0, 256));
    const online = text === 'online' || /"connected"\s*:\s*true/.test(text);
    this.#options.presence.hear(thing.value, { type: 'will', online });
  }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
