import { AWS_RULES } from '../../src/core/shadow/limits.ts';
import type { ShadowDocument } from '../../src/core/shadow/document.ts';
import { REJECTIONS, type ShadowRejection } from '../../src/core/shadow/rejection.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { parseShadowTopic, shadowTopic } from '../../src/protocol/topics.ts';
import { ShadowService, type ServiceRequest } from '../shadow-service/shadow-service.ts';
import type { Sighting } from '../world/sighting.ts';
import type { Elements } from './elements.ts';
import type { Sessions } from './sessions.ts';

export interface ServedShadowsOptions {
  readonly elements: Elements;
  readonly sessions: Sessions;
  readonly emit: (sighting: Sighting) => void;
  /** How long the service remembers the version of a deleted shadow (R49). */
  readonly tombstoneSeconds: number;
}

const SERVICE_MS = 2;

/** The shadow service behind the broker: takes requests by either road, refuses some, publishes what it says. */
export class ServedShadows {
  readonly #elements: Elements;
  readonly #sessions: Sessions;
  readonly #emit: (sighting: Sighting) => void;
  readonly #service: ShadowService;

  constructor({ elements, sessions, emit, tombstoneSeconds }: ServedShadowsOptions) {
    this.#elements = elements;
    this.#sessions = sessions;
    this.#emit = emit;
    this.#service = new ShadowService({
      rules: { ...AWS_RULES, tombstoneSeconds },
      listened: (ref, kind) => sessions.listened(shadowTopic(ref, kind)),
    });
  }

  document(ref: ShadowRef): ShadowDocument | undefined {
    const entry = this.#service.store.entry(ref);
    return entry !== undefined && 'record' in entry ? entry.record.document : undefined;
  }

  /** A message reached the broker. False if it is no request to the service. */
  receive(client: string, topic: string, payload: Uint8Array): boolean {
    const parsed = topic.startsWith('$aws/things/') ? parseShadowTopic(topic) : undefined;
    const kind = parsed?.kind;
    if (parsed === undefined || (kind !== 'get' && kind !== 'update' && kind !== 'delete')) return false;
    this.#elements.after(SERVICE_MS, () => this.#serve(client, { ref: parsed.ref, operation: kind, payload }));
    return true;
  }

  /** A request that comes by another road than MQTT. */
  request(client: string, request: ServiceRequest): void {
    this.#elements.after(this.#elements.latency(), () => this.#serve(client, request));
  }

  #serve(client: string, request: ServiceRequest): void {
    const { ref, operation, payload } = request;
    const refusal = this.#refusal();
    const before = this.document(ref);
    const answer =
      refusal === undefined
        ? this.#service.handle(request, this.#elements.wall())
        : this.#service.reject(request, refusal);
    const after = this.document(ref);
    this.#emit({
      type: 'service',
      client,
      ref,
      operation,
      code: answer.code,
      payload: Buffer.from(payload).toString('utf8'),
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    });
    for (const { kind, body } of answer.messages) this.#sessions.fanOut(shadowTopic(ref, kind), Buffer.from(body));
  }

  #refusal(): ShadowRejection | undefined {
    const { throttle, internalError } = this.#elements.weather;
    if (this.#elements.strikes(throttle, 'service.throttled')) return REJECTIONS.tooManyRequests;
    if (this.#elements.strikes(internalError, 'service.internalError')) return REJECTIONS.internal;
    return undefined;
  }
}
