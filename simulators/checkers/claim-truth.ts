import { leavesOf, overlaps } from '../../src/core/json/json-pointer.ts';
import { isJsonObject, type JsonValue } from '../../src/core/json/json.ts';
import { modelEqual } from '../../src/core/model/model-equal.ts';
import type { FieldPointer } from '../../src/core/brand.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import { parseShadowTopic } from '../../src/protocol/topics.ts';
import type { Sighting } from '../world/sighting.ts';
import type { CheckContext } from './checker.ts';
import { bringsReported, claimOf, desiredOf, reportedOf, touchesDesired, type Revision } from './service-history.ts';

/** How long a report may be on its way: the longest delay. */
export const ON_ITS_WAY_MS = 10_000;

/**
 * I3, of the claim in a report that was stored: it names a version below the report's own, except of a life that the
 * device did not know to be over when it sent it; never a lower one than before in one incarnation; and what was desired
 * at that version is reported or listed.
 */
export class ClaimTruth {
  readonly #context: CheckContext;
  /** By device, when it was told that a shadow of its is gone. */
  readonly #toldGone = new Map<string, readonly { readonly key: string; readonly atMs: number }[]>();
  readonly #last = new Map<string, { readonly incarnation: number; readonly version: number }>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  see(atMs: number, sighting: Sighting): void {
    // A program that starts anew knows what its journal says.
    if (sighting.type === 'crash') this.#toldGone.delete(sighting.process);
    if (sighting.type !== 'delivered') return;
    const { client, topic, payload } = sighting;
    const place = parseShadowTopic(topic);
    const isGone =
      place?.kind === 'delete/accepted' || (place?.kind === 'get/rejected' && payload.includes('"code":404'));
    if (!isGone || place.ref.thingName !== client) return;
    const told = this.#toldGone.get(client) ?? [];
    this.#toldGone.set(client, [...told, { key: shadowKey(place.ref), atMs }]);
  }

  judge(key: string, revision: Revision, version: number): void {
    const { violated } = this.#context;
    const { incarnation } = revision;
    if (version >= revision.version) {
      if (this.#knewOfThisLife(key, revision))
        violated(`${key} claimed v${version} in an update that became v${revision.version}`);
      return;
    }
    const before = this.#last.get(key);
    if (before?.incarnation === incarnation && version < before.version) {
      violated(`${key} claimed v${version} after it had claimed v${before.version}`);
    }
    // One that was sent in the belief that the life before goes on counts in that one (seed 64551).
    if (this.#knewOfThisLife(key, revision)) this.#last.set(key, { incarnation, version });
    for (const { field, desired } of this.#unsaid(key, revision, version)) {
      const shown = JSON.stringify(reportedOf(revision, field));
      violated(
        `${key} claimed v${version} with ${field} ${JSON.stringify(desired)}, showed ${shown} and did not list it`,
      );
    }
  }

  #knewOfThisLife(key: string, { atMs, client, incarnation }: Revision): boolean {
    const gone = this.#context.history.of(key).findLast((one) => one.incarnation < incarnation);
    if (gone === undefined) return true;
    const told = this.#toldGone.get(client) ?? [];
    return told.some((one) => one.key === key && one.atMs >= gone.atMs && one.atMs < atMs - ON_ITS_WAY_MS);
  }

  /** What was desired at the claimed version, or is by the report itself, that the report does not account for. */
  #unsaid(
    key: string,
    revision: Revision,
    version: number,
  ): readonly { readonly field: FieldPointer; readonly desired: JsonValue }[] {
    const { history, modelOf } = this.#context;
    const revisions = history.of(key);
    const at = history.indexOf(key, version, revision.incarnation);
    const claimed = revisions[at];
    if (claimed === undefined) return [];
    const listed = [...(claimOf(revision)?.listed.keys() ?? [])];
    const between = revisions.slice(at + 1, revisions.indexOf(revision));
    const model = modelOf(key);
    return leavesOf(claimed.document?.state.desired ?? {}).flatMap(([field, wish]) => {
      // What it adopts it asks for itself.
      const desired = touchesDesired(revision, field) ? desiredOf(revision, field) : wish;
      // An emptied object asks for nothing (R39, R59), and of a field that is in no model the device knows nothing.
      if (desired === undefined || isJsonObject(desired) || !model.knows(field)) return [];
      const reported = reportedOf(revision, field);
      if (modelEqual({ desired, reported, annotations: model.annotations(field) })) return [];
      if (listed.some((one) => overlaps({ left: one as FieldPointer, right: field }))) return [];
      // A wish that was gone again need not be followed; and a doubled report may lie on top of what the device said last.
      const isPast = between.some((one) => touchesDesired(one, field) || bringsReported(one, field));
      return isPast ? [] : [{ field, desired }];
    });
  }
}
