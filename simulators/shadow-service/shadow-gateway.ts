import type { EpochMs } from '../../src/core/brand.ts';
import { REJECTIONS, type ShadowRejection } from '../../src/core/shadow/rejection.ts';
import { shadowKey, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Log } from '../../src/ports/log.ts';
import { FaultGate } from '../faults/fault-gate.ts';
import type { FaultInjector } from '../faults/fault-injector.ts';
import type { ServiceAnswer, ServiceRequest, ShadowService } from './shadow-service.ts';
import { ShadowTopics } from './shadow-topics.ts';
import { Throttle, type ThrottleLimits } from './throttle.ts';

/** Who asks, and how to reach him. */
export interface Requester {
  /** The client id, or something as unique for an HTTP request. */
  readonly connection: string;
  /** Ends the requester's connection. */
  cut(): void;
  /** For protocols with an answer of their own. Never called for a request that was dropped. */
  answer?(answer: ServiceAnswer): void;
}

export interface GatewayOptions {
  readonly service: ShadowService;
  readonly publish: (topic: string, body: string) => void;
  readonly listened: (topic: string) => boolean;
  readonly clock: Clock;
  /** Service time, which may be set apart from the clock. */
  readonly now: () => EpochMs;
  readonly log: Log;
  readonly injector: FaultInjector;
  readonly throttle: ThrottleLimits;
  /** Is an update that came over HTTP told on `update/accepted` too? Nothing public says so. */
  readonly httpAcceptedOverMqtt: boolean;
}

/**
 * The way of a request into the service and of its messages out: faults, throttling, and who hears what. Without faults
 * everything happens inside `receive`, so the order of requests is the order of their answers.
 */
export class ShadowGateway {
  readonly #options: GatewayOptions;
  readonly #gate: FaultGate;
  readonly #throttle: Throttle;
  readonly #topics = new ShadowTopics();

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#gate = new FaultGate(options);
    this.#throttle = new Throttle(options.throttle);
  }

  receive(request: ServiceRequest, requester: Requester): void {
    const { service, now } = this.#options;
    const { ref, operation } = request;
    if (!this.#throttle.admit({ thingName: ref.thingName, connection: requester.connection }, now())) {
      return this.#answer(ref, service.reject(request, REJECTIONS.tooManyRequests), requester);
    }
    const topic = this.#topics.of(ref, operation);
    this.#gate.pass(
      topic,
      () => this.#answer(ref, this.#carryOut(request), requester, true),
      ({ rule }) => {
        if (rule.kind === 'disconnect') {
          requester.cut();
          // Carried out all the same: the requester cannot know.
          if (rule.when === 'after') this.#answer(ref, this.#carryOut(request), requester, true);
          else this.#throttle.settle(requester.connection);
          return true;
        }
        const rejection: ShadowRejection =
          rule.kind === 'throttle' ? REJECTIONS.tooManyRequests : { code: rule.code, message: rule.text };
        this.#answer(ref, service.reject(request, rejection), requester, true);
        return true;
      },
      () => {
        this.#throttle.settle(requester.connection);
        if (requester.answer !== undefined) requester.cut();
      },
    );
  }

  /** Sends something that is no answer, such as a lifecycle event, past the same faults. */
  announce(topic: string, body: string): void {
    this.#gate.pass(topic, () => this.#publish(topic, body));
  }

  stop(): void {
    this.#gate.stop();
  }

  /** A store that fails, a full disk for one, costs the request and not the service. */
  #carryOut(request: ServiceRequest): ServiceAnswer {
    const { service, now, log } = this.#options;
    try {
      return service.handle(request, now());
    } catch (error) {
      log.error({ shadow: shadowKey(request.ref), operation: request.operation, error }, 'request failed');
      return service.reject(request, REJECTIONS.internal);
    }
  }

  #answer(ref: ShadowRef, answer: ServiceAnswer, requester: Requester, admitted = false): void {
    if (admitted) this.#throttle.settle(requester.connection);
    const overHttp = requester.answer !== undefined;
    requester.answer?.(answer);
    // An HTTP request's own answer and its errors are the requester's alone (R81).
    if (overHttp && (answer.code !== 200 || answer.messages[0].kind === 'get/accepted')) return;
    for (const { kind, body } of answer.messages) {
      if (overHttp && kind === 'update/accepted' && !this.#options.httpAcceptedOverMqtt) continue;
      const topic = this.#topics.of(ref, kind);
      this.#gate.pass(topic, () => this.#publish(topic, body));
    }
  }

  #publish(topic: string, body: string): void {
    if (this.#options.listened(topic)) this.#options.publish(topic, body);
  }
}
