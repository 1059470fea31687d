import { parseDirectResponse } from '../protocol/direct-messages.ts';
import type { DirectTopics } from '../protocol/direct-topics.ts';
import type { CommandId } from '../core/brand.ts';
import type { AnswerOutcome } from '../core/direct/direct-desk.ts';
import type { DirectResponse } from '../core/direct/messages.ts';
import { done, ok, type Result } from '../core/result.ts';
import { isUuidV7 } from '../core/uuid.ts';
import type { Cancel } from '../ports/clock.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { IncomingMessage, Transport } from '../ports/transport.ts';
import type { DirectDesks } from './direct-desks.ts';
import type { PresenceKeeper } from './presence-keeper.ts';

export interface DirectListenerOptions {
  readonly ledger: Ledger;
  readonly transport: Transport;
  readonly desks: DirectDesks;
  readonly presence: PresenceKeeper;
  readonly topics: DirectTopics;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Reads what devices answer. Whose answer it is, the topic says and nothing else; on a topic that all devices share it is
 * the id of the command, which proves nothing, so such an answer is marked and is no sign of the device's presence.
 * Decides nothing.
 */
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
    if (thingName === undefined && !topics.isCommon) return;
    const response = parseDirectResponse(payload);
    if (!response.ok) {
      const { code } = response.problem;
      metrics.count('shadow_quarantined_messages_total', { reason: code });
      log.warn({ thingName, code }, 'a response could not be read');
      return;
    }
    if (thingName === undefined) return void this.#onCommon(response.value);
    presence.hear(thingName, { type: 'traffic' });
    desks.send(thingName, { type: 'answered', response: response.value });
  }

  /** Reads of the ledger settle in the order they were asked for, so answers stay in theirs. */
  async #onCommon(response: DirectResponse): Promise<void> {
    const { ledger, desks, metrics, log } = this.#options;
    const found = isUuidV7(response.id) ? await ledger.command(response.id as CommandId) : ok(undefined);
    if (!found.ok) {
      log.warn({ code: found.problem.code }, 'a response could not be given to its command; it is asked for again');
      return;
    }
    if (found.value?.kind === 'direct') {
      desks.send(found.value.ref.thingName, { type: 'answered', response, unguarded: true });
    } else {
      metrics.count('shadow_direct_responses_total', { outcome: 'unknown' satisfies AnswerOutcome });
    }
  }
}
