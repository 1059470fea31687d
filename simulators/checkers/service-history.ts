import type { FieldPointer } from '../../src/core/brand.ts';
import { jsonEqual } from '../../src/core/json/json-equal.ts';
import { valueAt } from '../../src/core/json/json-pointer.ts';
import { isJsonObject, member, type JsonObject, type JsonValue } from '../../src/core/json/json.ts';
import type { ShadowDocument } from '../../src/core/shadow/document.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import { parseJsonText } from '../../src/protocol/json-text.ts';
import { parseShadowTopic } from '../../src/protocol/topics.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { Sighting } from '../world/sighting.ts';

/** One accepted update or deletion, as the service saw it. */
export interface Revision {
  readonly atMs: number;
  readonly client: string;
  /** Starts at 1, one more after every deletion. */
  readonly incarnation: number;
  readonly version: number;
  /** The body of the update; undefined for a deletion. */
  readonly body: JsonObject | undefined;
  /** After it; undefined for a deletion. */
  readonly document: ShadowDocument | undefined;
}

/** What really happened to every shadow: the truth that verdicts and reports are held against. */
export class ServiceHistory {
  readonly #shadows = new Map<string, Revision[]>();
  /** When the server was told that a shadow is gone, and in which life it then was by the server's store. */
  readonly #told = new Map<string, { readonly atMs: number; readonly storedLife: number | undefined }[]>();
  /** The newest version it was told of. */
  readonly #toldVersion = new Map<string, number>();
  readonly #storedLife: (key: string) => number | undefined;

  constructor(storedLife: (key: string) => number | undefined) {
    this.#storedLife = storedLife;
  }

  see(atMs: number, sighting: Sighting): void {
    if (sighting.type === 'delivered' && sighting.client === SERVER) this.#hear(atMs, sighting.topic, sighting.payload);
    if (sighting.type === 'crash' && sighting.process === SERVER) this.#forget();
    if (sighting.type !== 'service' || sighting.operation === 'get' || sighting.code !== 200) return;
    const key = shadowKey(sighting.ref);
    const revisions = this.#shadows.get(key) ?? [];
    this.#shadows.set(key, revisions);
    const last = revisions.at(-1);
    const incarnation = (last?.incarnation ?? 1) + (last !== undefined && last.document === undefined ? 1 : 0);
    const { client } = sighting;
    if (sighting.operation === 'delete') {
      const version = sighting.before?.version ?? 0;
      revisions.push({ atMs, client, incarnation, version, body: undefined, document: undefined });
      return;
    }
    const document = sighting.after;
    const body = JSON.parse(sighting.payload) as JsonObject;
    revisions.push({ atMs, client, incarnation, version: document?.version ?? 0, body, document });
  }

  /** Oldest first. */
  of(key: string): readonly Revision[] {
    return this.#shadows.get(key) ?? [];
  }

  /** The revisions of the same life from place `at` on. */
  life(key: string, at: number): readonly Revision[] {
    const revisions = this.of(key).slice(at);
    return revisions.filter(
      ({ incarnation, document }) => incarnation === revisions[0]?.incarnation && document !== undefined,
    );
  }

  /** As `life`, as far as the server can know: a deletion that it was not told of is none. */
  lifeAsTold(key: string, at: number, byMs: number): readonly Revision[] {
    const seen: Revision[] = [];
    let deletedAt: number | undefined;
    for (const revision of this.of(key).slice(at)) {
      const last = seen.at(-1);
      if (revision.document === undefined) {
        deletedAt ??= revision.atMs;
        continue;
      }
      if (deletedAt !== undefined && last !== undefined) {
        const since = deletedAt;
        if (this.#told.get(key)?.some(({ atMs }) => atMs >= since && atMs <= byMs) === true) break;
      }
      seen.push(revision);
    }
    return seen;
  }

  #hear(atMs: number, topic: string, payload: string): void {
    const own = payload.includes('"srg-');
    const absent = own && topic.endsWith('/get/rejected') && payload.includes('"code":404');
    const gone = absent || topic.endsWith('/delete/accepted');
    const read = own && topic.endsWith('/get/accepted');
    const ref = gone || read ? parseShadowTopic(topic)?.ref : undefined;
    if (ref === undefined) return;
    const key = shadowKey(ref);
    const body = parseJsonText(payload);
    if (!body.ok || !isJsonObject(body.value)) return; // Poison tells nobody anything.
    const version = member(body.value, 'version');
    const known = this.#toldVersion.get(key) ?? 0;
    // What is gone has no version: the next life may have any (found by seed 30100).
    if (gone) this.#toldVersion.delete(key);
    else if (typeof version === 'number') this.#toldVersion.set(key, version);
    // A lower version than before says the same as a 404.
    if (!gone && (typeof version !== 'number' || version >= known)) return;
    this.#told.set(key, [...(this.#told.get(key) ?? []), { atMs, storedLife: this.#storedLife(key) }]);
  }

  /** What the server was told and could not store before it died, it was not told (found by seed 24329). */
  #forget(): void {
    for (const [key, told] of this.#told) {
      const kept = told.filter(({ storedLife }) => storedLife !== this.#storedLife(key));
      this.#told.set(key, kept);
    }
  }

  keys(): string[] {
    return [...this.#shadows.keys()];
  }

  /** Where a version of the newest incarnation that has it stands in the list, or -1. */
  indexOf(key: string, version: number, incarnation?: number): number {
    const revisions = this.of(key);
    for (let at = revisions.length - 1; at >= 0; at--) {
      const revision = revisions[at];
      if (revision?.version !== version || revision.document === undefined) continue;
      if (incarnation === undefined || revision.incarnation === incarnation) return at;
    }
    return -1;
  }
}

export function desiredOf({ document }: Revision, field: FieldPointer): JsonValue | undefined {
  return valueAt(document?.state.desired, field);
}

export function reportedOf({ document }: Revision, field: FieldPointer): JsonValue | undefined {
  return valueAt(document?.state.reported, field);
}

/** Whether the update named this desired field, by a value, a null above it or a cleared section. */
export function touchesDesired({ body }: Revision, field: FieldPointer): boolean {
  if (body === undefined) return true;
  const state = member(body, 'state');
  if (state === null) return true;
  if (!isJsonObject(state) || !Object.hasOwn(state, 'desired')) return false;
  const desired = member(state, 'desired');
  if (desired === null) return true;
  return isJsonObject(desired) && named(desired, field);
}

/** Whether the update brought this reported field. */
export function bringsReported({ body }: Revision, field: FieldPointer): boolean {
  const state = body === undefined ? undefined : member(body, 'state');
  const reported = isJsonObject(state) ? member(state, 'reported') : undefined;
  return isJsonObject(reported) && named(reported, field);
}

function named(section: JsonObject, field: FieldPointer): boolean {
  let at: JsonValue | undefined = section;
  for (const key of field.slice(1).split('/')) {
    if (!isJsonObject(at)) return true; // a scalar or null above the field
    if (!Object.hasOwn(at, key)) return false;
    at = member(at, key);
  }
  return true;
}

/** The device's claim in a document: the version it took into account, and the fields it lists. */
export function claimOf({
  document,
}: Revision): { version: number; listed: ReadonlyMap<string, JsonObject> } | undefined {
  const raw = document?.state.reported === undefined ? undefined : member(document.state.reported, 'reconciler');
  if (!isJsonObject(raw)) return undefined;
  const version = member(raw, 'version');
  if (typeof version !== 'number') return undefined;
  const fields = member(raw, 'fields');
  const listed = new Map<string, JsonObject>();
  for (const [field, entry] of Object.entries(isJsonObject(fields) ? fields : {})) {
    if (isJsonObject(entry)) listed.set(field, entry);
  }
  return { version, listed };
}

export function same(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return jsonEqual(left, right);
}
