import type { CommandId, FieldPointer } from '../../src/core/brand.ts';
import type { Command } from '../../src/core/command/command.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import { leavesOf, valueAt } from '../../src/core/json/json-pointer.ts';
import { member, type JsonObject } from '../../src/core/json/json.ts';
import type { Write } from '../../src/core/command/write.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { Sighting } from '../world/sighting.ts';
import type { MakeChecker } from './checker.ts';
import { writtenAt } from './evidence.ts';
import { desiredOf, same, touchesDesired, type Revision } from './service-history.ts';

/**
 * I11: a conditional command is stored only if none of its fields changed since the version it names. A superseded field
 * names a successor that exists and came later. What a command left behind is taken back only while it is its own. And
 * once a write of a command was stored, the same wish is not written again in that life of the shadow, by whoever believed
 * himself in the same one.
 */
export const noLostUpdate: MakeChecker = ({ history, durableWrite, violated }) => {
  const stored = new Map<CommandId, Stored>();
  const refused = new Set<string>();
  const commands = new Map<CommandId, Command>();
  let ended = false;
  return {
    see(_atMs, sighting) {
      if (sighting.type === 'service' && sighting.client === SERVER && sighting.operation === 'update') {
        writeHandled(sighting);
      }
      if (sighting.type === 'phase' && sighting.phase === 'end') ended = true;
      if (sighting.type !== 'looked' || sighting.command === undefined) return;
      const { command } = sighting;
      commands.set(command.id, command);
      const key = shadowKey(command.ref);
      const revisions = history.of(key);
      const at = writtenAt(command, { history });
      const written = revisions[at];
      const { ifVersion } = command.policy;
      if (ifVersion !== undefined && written !== undefined && command.versionFrom === 'accepted') {
        const from = history.indexOf(key, ifVersion, written.incarnation);
        const between = from < 0 ? [] : revisions.slice(from, at);
        for (const { field } of command.fields) {
          // Handled twice by the service, it was changed by the command's own write.
          const changed = between.some((one, nth) => {
            const before = between[nth - 1];
            return (
              before !== undefined && !same(desiredOf(one, field), desiredOf(before, field)) && !isOwn(one, command)
            );
          });
          if (changed) violated(`command ${command.id} was stored although ${field} changed after v${ifVersion}`);
        }
      }
      if (!ended) return;
      for (const { field, state } of command.fields) {
        if (state.outcome !== 'superseded') continue;
        const { by } = state;
        if (by.kind === 'foreign') {
          const revision = revisions[history.indexOf(key, by.version, written?.incarnation)];
          if (revision !== undefined && !touchesDesired(revision, field)) {
            violated(`command ${command.id} ${field}: superseded by v${by.version}, which did not touch it`);
          }
        }
        if (by.kind === 'command') {
          if (by.commandId === command.id) violated(`command ${command.id} ${field}: superseded by itself`);
          const successor = commands.get(by.commandId);
          const older =
            successor?.version !== undefined &&
            // From a get it is only the lowest that it can have been.
            successor.versionFrom !== 'get' &&
            command.version !== undefined &&
            successor.incarnation === command.incarnation &&
            successor.version < command.version;
          if (older) {
            violated(`command ${command.id} at v${command.version} ${field}: superseded by v${successor.version}`);
          }
        }
      }
    },
  };

  function isOwn({ body }: Revision, { id }: Command): boolean {
    const token = body === undefined ? undefined : member(body, 'clientToken');
    return typeof token === 'string' && durableWrite(token)?.commandIds.includes(id) === true;
  }

  function writeHandled({ ref, code, payload, before }: Extract<Sighting, { type: 'service' }>): void {
    const body = JSON.parse(payload) as JsonObject;
    const token = member(body, 'clientToken');
    const write = typeof token === 'string' ? durableWrite(token) : undefined;
    if (write === undefined || typeof token !== 'string') return;
    if (code !== 200) {
      refused.add(token);
      return;
    }
    // A leaf that was there with this value, stamped within the same second, shows nobody whether it was written again.
    const changed = leavesOf(write.patch).some(([field, value]) => {
      const stood = valueAt(before?.state.desired, field);
      return value === null ? stood !== undefined : !same(stood, value);
    });
    if (write.purpose === 'commands' && changed) {
      const incarnation = history.of(shadowKey(ref)).at(-1)?.incarnation ?? 0;
      const isGuarded = typeof member(body, 'version') === 'number';
      storedOnce(write, { token, incarnation, isGuarded, desired: before?.state.desired ?? {} });
    }
    if (write.purpose !== 'restore' && write.purpose !== 'withdraw') return;
    const [id] = write.commandIds;
    const command = id === undefined ? undefined : commands.get(id);
    for (const [field] of leavesOf(write.patch)) {
      const wish = command?.fields.find((candidate) => candidate.field === field)?.desired;
      const stood = valueAt(before?.state.desired, field as FieldPointer);
      if (wish === undefined || same(stood, wish)) continue;
      violated(`${write.purpose} of command ${id} overwrote ${field} = ${JSON.stringify(stood)}, which is not its own`);
    }
  }

  function storedOnce(
    write: Write,
    { token, incarnation, isGuarded, desired }: Pick<Stored, 'incarnation' | 'desired'> & GuardedWrite,
  ): void {
    const leaves = leavesOf(write.patch);
    // An empty array carries no stamp: whoever lost the answer cannot know, and writes the same again.
    const stampless = leaves.some(
      ([, value]) => typeof value === 'object' && value !== null && Object.keys(value).length === 0,
    );
    if (stampless) return;
    // Sent before the server was told of a deletion, handled after it: it is told, and writes what was queued anew.
    const believed = write.base.incarnation;
    for (const id of write.commandIds) {
      const first = stored.get(id);
      if (first === undefined || first.incarnation !== incarnation || first.believed < believed) {
        stored.set(id, { token: refused.has(token) ? undefined : token, incarnation, believed, desired });
        continue;
      }
      if (first.token === undefined || first.token === token || refused.has(first.token)) continue;
      // Others put a field back to what it was, and a write is stored whole or not at all: whoever lost the answer takes it
      // for lost, and writes again, guarded (found by seed 24090).
      const isPutBack = leaves.some(
        ([field, value]) =>
          !same(valueAt(first.desired, field), value) && same(valueAt(desired, field), valueAt(first.desired, field)),
      );
      if (isGuarded && isPutBack) continue;
      violated(`command ${id} was stored by ${first.token} and again by ${token}`);
    }
  }
};

/** How the first write of a command was stored. */
interface Stored {
  /** Undefined: the network made a mess of it. */
  readonly token: string | undefined;
  readonly incarnation: number;
  /** The life that its sender believed the shadow to be in. */
  readonly believed: number;
  /** What stood there before it. */
  readonly desired: JsonObject;
}

interface GuardedWrite {
  readonly token: string;
  readonly isGuarded: boolean;
}
