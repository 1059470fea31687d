import { parseDirectResponse } from '../protocol/direct-messages.ts';
import type { DirectTopics } from '../protocol/direct-topics.ts';
import { done, type Result } from '../core/result.ts';
import type { Cancel } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { IncomingMessage, Transport } from '../ports/transport.ts';
import type { DirectDesks } from './direct-desks.ts';
import type { PresenceKeeper } from './presence-keeper.ts';

export interface DirectListenerOptions {
  readonly transport: Transport;
  readonly desks: DirectDesks;
  readonly presence: PresenceKeeper;
  readonly topics: DirectTopics;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Reads what devices answer. Whose answer it is, the topic says and nothing else. Decides nothing. */
export class DirectListener {
  readonly #options: DirectListenerOptions;
  #cancel: Cancel | undefined;

  constructor(options: DirectListenerOptions) {
    this.#options = options;
  }

  async start(): Promise<Result<void>> {
    const { transport, topics } = this.#options;
    const filter = [{ filter: topics.responseFilter, qos: 1 }] as const;
    const subscribed = await transport.subscribe(filter, (message) => this.#onResponse(message));
    if (!subscribed.ok) return subscribed;
    this.#cancel = subscribed.value;
    return done;
  }

  stop(): void {
    this.#cancel?.();
  }

  #onResponse({ topic, payload }: IncomingMessage): void {
    const { topics, desks, presence, metrics, log } = this.#options;
    const thingName = topics.responder(topic);
    if (thingName === undefined) return;
    const response = parseDirectResponse(payload);
    if (!response.ok) {
      const { code } = response.problem;
      metrics.count('shadow_quarantined_messages_total', { reason: code });
      log.warn({ thingName, code }, 'a response could not be read');
      return;
    }
    presence.hear(thingName, { type: 'traffic' });
    desks.send(thingName, { type: 'answered', response: response.value });
  }
}
