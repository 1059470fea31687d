import type { Command } from '../../src/core/command/command.ts';
import { isJsonObject, member } from '../../src/core/json/json.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import { parseJsonText } from '../../src/protocol/json-text.ts';
import { parseShadowTopic } from '../../src/protocol/topics.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { MakeChecker } from './checker.ts';
import { CommandTimes } from './command-times.ts';
import { isOwn, purposeOf } from './evidence.ts';
import { desiredOf, same } from './service-history.ts';

/**
 * I11: a conditional command is stored only if none of its fields changed since the version it names. A shadow that does
 * not exist cannot be locked: there it is stored only if the server had not heard of one when the command was made.
 */
export const conditionalWrite: MakeChecker = (context) => {
  const { history, violated } = context;
  const times = new CommandTimes();
  /** What the server was told of a shadow since it last woke up: which revision, and when. */
  let told: { readonly key: string; readonly version: number; readonly incarnation: number; readonly atMs: number }[] =
    [];
  return {
    see(atMs, sighting) {
      times.see(atMs, sighting);
      if ((sighting.type === 'crash' || sighting.type === 'pause') && sighting.process === SERVER) told = [];
      if (sighting.type === 'delivered' && sighting.client === SERVER) hear(atMs, sighting);
      const command = sighting.type === 'looked' ? sighting.command : undefined;
      if (command?.policy.ifVersion !== undefined) judge(command, command.policy.ifVersion);
    },
  };

  function hear(atMs: number, { topic, payload }: { topic: string; payload: string }): void {
    const place = parseShadowTopic(topic);
    if (place?.kind !== 'update/accepted' && place?.kind !== 'get/accepted') return;
    const body = parseJsonText(payload);
    const version = body.ok && isJsonObject(body.value) ? member(body.value, 'version') : undefined;
    if (typeof version !== 'number') return;
    const key = shadowKey(place.ref);
    const revision = history.of(key)[history.indexOf(key, version)];
    if (revision !== undefined) told.push({ key, version, incarnation: revision.incarnation, atMs });
  }

  /** Every attempt that was stored, whatever the server made of it. */
  function judge(command: Command, ifVersion: number): void {
    const key = shadowKey(command.ref);
    const revisions = history.of(key);
    const made = times.created(command.id) ?? 0;
    for (const [at, revision] of revisions.entries()) {
      if (!isOwn(revision, command, context) || purposeOf(revision, context) !== 'commands') continue;
      if (ifVersion === 0) {
        const { incarnation } = revision;
        const known = told.find((one) => one.key === key && one.incarnation === incarnation && one.atMs < made);
        if (known !== undefined) violated(`command ${command.id} for no shadow was stored on top of v${known.version}`);
        continue;
      }
      const from = history.indexOf(key, ifVersion, revision.incarnation);
      if (from < 0) {
        violated(`command ${command.id} was stored as v${revision.version} in a life that has no v${ifVersion}`);
        return;
      }
      const between = revisions.slice(from, at);
      for (const { field } of command.fields) {
        // Handled twice by the service, it was changed by the command's own write.
        const changed = between.some((one, nth) => {
          const before = between[nth - 1];
          if (before === undefined || isOwn(one, command, context)) return false;
          return !same(desiredOf(one, field), desiredOf(before, field));
        });
        if (changed) violated(`command ${command.id} was stored although ${field} changed after v${ifVersion}`);
      }
    }
  }
};
