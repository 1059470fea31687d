import type { EpochMs, ThingName } from '../../src/core/brand.ts';
import { unreachable } from '../../src/core/assert.ts';
import type { ShadowDocument } from '../../src/core/shadow/document.ts';
import { AWS_RULES, type ShadowRules } from '../../src/core/shadow/limits.ts';
import type { JsonValue } from '../../src/core/json/json.ts';
import { stampedText } from '../../src/core/shadow/metadata.ts';
import { REJECTIONS, type ShadowRejection } from '../../src/core/shadow/rejection.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { applyUpdate, parseUpdateRequest, type ShadowRecord } from '../../src/core/shadow/update.ts';
import type { ShadowOperation, ShadowTopicKind } from '../../src/protocol/topics.ts';
import { echoedToken, parseBody, parseOptionalBody } from './request-body.ts';
import { MemoryShadowStore, type ShadowStore } from './shadow-store.ts';

/** One request as bytes, whatever protocol brought it. */
export interface ServiceRequest {
  readonly ref: ShadowRef;
  readonly operation: ShadowOperation;
  readonly payload: Uint8Array;
}

export interface ServiceMessage {
  readonly kind: ShadowTopicKind;
  /** Compact JSON. */
  readonly body: string;
}

export interface ServiceAnswer {
  /** 200, or the code of the rejection. */
  readonly code: number;
  /** What goes to the topics of the shadow, in this order; the first is the answer proper, for HTTP too. */
  readonly messages: readonly [ServiceMessage, ...ServiceMessage[]];
}

/** Which message kinds somebody listens to. `documents` is costly and built only if so. */
export type Listened = (ref: ShadowRef, kind: ShadowTopicKind) => boolean;

export interface ShadowServiceOptions {
  readonly rules?: ShadowRules;
  readonly store?: ShadowStore;
  readonly listened?: Listened;
}

/**
 * The device shadow service: bytes in, messages out, nothing else. It knows no protocol, no clock and no promise; the
 * same requests at the same times give the same answers. Requests of one shadow are answered in the order in which
 * `handle` is called.
 *
 * Source   `get`, `update` and `delete` of R10 to R79.
 */
export class ShadowService {
  readonly #rules: ShadowRules;
  readonly #store: ShadowStore;
  readonly #listened: Listened;
  /** Names of members as JSON: a fleet's are few. */
  readonly #keys = new Map<string, string>();
  /** `current` of the last documents message of a record, since it is `previous` of the next one. */
  readonly #documentTexts = new WeakMap<ShadowDocument, string>();

  constructor({ rules = AWS_RULES, store = new MemoryShadowStore(), listened = () => true }: ShadowServiceOptions) {
    this.#rules = rules;
    this.#store = store;
    this.#listened = listened;
  }

  get store(): ShadowStore {
    return this.#store;
  }

  get rules(): ShadowRules {
    return this.#rules;
  }

  handle({ ref, operation, payload }: ServiceRequest, now: EpochMs): ServiceAnswer {
    const nowSeconds = Math.floor(now / 1000);
    switch (operation) {
      case 'update':
        return this.#update(ref, payload, nowSeconds);
      case 'get':
        return this.#get(ref, payload, nowSeconds);
      case 'delete':
        return this.#delete(ref, payload, nowSeconds);
      default:
        return unreachable(operation);
    }
  }

  /** A rejection that was decided outside: throttling, an injected fault. Echoes the token like any other. */
  reject({ operation, payload }: ServiceRequest, rejection: ShadowRejection): ServiceAnswer {
    const body = parseBody(payload, this.#rules);
    return rejected(operation, rejection, body.ok ? echoedToken(body.value, this.#rules) : undefined);
  }

  /** Names of a thing's named shadows, sorted; the classic one is never listed (R80). */
  names(thingName: ThingName): readonly string[] {
    return this.#store.names(thingName);
  }

  #update(ref: ShadowRef, payload: Uint8Array, nowSeconds: number): ServiceAnswer {
    const body = parseBody(payload, this.#rules);
    if (!body.ok) return rejected('update', body.problem, undefined);
    const request = parseUpdateRequest(body.value, this.#rules);
    if (!request.ok) return rejected('update', request.problem, echoedToken(body.value, this.#rules));
    const { clientToken } = request.value;
    const record = this.#record(ref);
    const versionBefore = record === undefined ? this.#versionBefore(ref, nowSeconds) : 0;
    const updated = applyUpdate({ record, versionBefore, nowSeconds, rules: this.#rules }, request.value);
    if (!updated.ok) return rejected('update', updated.problem, clientToken);
    const { record: next, delta } = updated.value;
    this.#store.put({ ref, record: next });

    // Written piece by piece: the pieces that messages share are written once, and no object is made only to be printed.
    const { state } = request.value;
    const version = `"version":${next.document.version}`;
    const time = `"timestamp":${nowSeconds}`;
    const token = clientToken === undefined ? '' : `,"clientToken":${JSON.stringify(clientToken)}`;
    const accepted = `"state":${JSON.stringify(state)},"metadata":${stampedText(state as JsonValue, nowSeconds, this.#keys)}`;
    const messages: [ServiceMessage, ...ServiceMessage[]] = [
      { kind: 'update/accepted', body: `{${accepted},${version},${time}${token}}` },
    ];
    if (delta !== undefined) {
      const difference = `"state":${JSON.stringify(delta.state)},"metadata":${JSON.stringify(delta.metadata)}`;
      messages.push({ kind: 'update/delta', body: `{${version},${time},${difference}${token}}` });
    }
    if (this.#listened(ref, 'update/documents')) {
      const before = record === undefined ? 'null' : this.#documentText(record.document);
      const current = this.#documentText(next.document);
      const body = `{"previous":${before},"current":${current},${time}${token}}`;
      messages.push({ kind: 'update/documents', body });
    }
    return { code: 200, messages };
  }

  #get(ref: ShadowRef, payload: Uint8Array, nowSeconds: number): ServiceAnswer {
    const request = parseOptionalBody(payload, this.#rules);
    if (!request.ok) return this.reject({ ref, operation: 'get', payload }, request.problem);
    const record = this.#record(ref);
    if (record === undefined) return rejected('get', noShadow(ref), request.value.clientToken);
    const { state, metadata, version } = record.document;
    const body = JSON.stringify({
      state: record.delta === undefined ? state : { ...state, delta: record.delta },
      metadata,
      version,
      timestamp: nowSeconds,
      ...request.value,
    });
    return { code: 200, messages: [{ kind: 'get/accepted', body }] };
  }

  #delete(ref: ShadowRef, payload: Uint8Array, nowSeconds: number): ServiceAnswer {
    const request = parseOptionalBody(payload, this.#rules);
    if (!request.ok) return this.reject({ ref, operation: 'delete', payload }, request.problem);
    const record = this.#record(ref);
    if (record === undefined) return rejected('delete', noShadow(ref), request.value.clientToken);
    const { version } = record.document;
    this.#store.put({ ref, tombstone: { version, deletedAtSeconds: nowSeconds } });
    const body = JSON.stringify({ version, timestamp: nowSeconds, ...request.value });
    return { code: 200, messages: [{ kind: 'delete/accepted', body }] };
  }

  #record(ref: ShadowRef): ShadowRecord | undefined {
    const entry = this.#store.entry(ref);
    return entry !== undefined && 'record' in entry ? entry.record : undefined;
  }

  /** A deletion takes a version of its own, so a shadow deleted at V comes back as V+2 within 48 hours (R49, R50). */
  #versionBefore(ref: ShadowRef, nowSeconds: number): number {
    const entry = this.#store.entry(ref);
    if (entry === undefined || !('tombstone' in entry)) return 0;
    const { version, deletedAtSeconds } = entry.tombstone;
    if (nowSeconds - deletedAtSeconds > this.#rules.tombstoneSeconds) return 0;
    return this.#rules.recreatedAt === 'V+2' ? version + 1 : version;
  }

  /** The document is up to half of a message twice over; what was `current` is not written a second time. */
  #documentText(document: ShadowDocument): string {
    let text = this.#documentTexts.get(document);
    if (text === undefined) {
      const { state, metadata, version } = document;
      text = JSON.stringify({ state, metadata, version });
      this.#documentTexts.set(document, text);
    }
    return text;
  }
}

/** The thing's name for a classic shadow, the shadow's for a named one (R77). */
function noShadow({ thingName, shadowName }: ShadowRef): ShadowRejection {
  return REJECTIONS.noShadow(shadowName ?? thingName);
}

/** Without a timestamp, as the live service sends it (R68). */
function rejected(
  operation: ShadowOperation,
  { code, message }: ShadowRejection,
  clientToken: string | undefined,
): ServiceAnswer {
  const body = JSON.stringify({ code, message, ...(clientToken === undefined ? {} : { clientToken }) });
  return { code, messages: [{ kind: `${operation}/rejected`, body }] };
}
