import type { CommandId } from '../../src/core/brand.ts';
import type { Write } from '../../src/core/command/write.ts';
import { leavesOf, valueAt } from '../../src/core/json/json-pointer.ts';
import { member, type JsonObject, type JsonValue } from '../../src/core/json/json.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { Sighting } from '../world/sighting.ts';
import type { MakeChecker } from './checker.ts';
import { same } from './service-history.ts';

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

/** I11: once a write of a command was stored, the same wish is not written again in that life of the shadow. */
export const storedOnce: MakeChecker = ({ history, durableWrite, violated }) => {
  const stored = new Map<CommandId, Stored>();
  const refused = new Set<string>();
  return {
    see(_atMs, sighting) {
      if (sighting.type === 'service' && sighting.client === SERVER && sighting.operation === 'update') {
        writeHandled(sighting);
      }
    },
  };

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
    if (write.purpose !== 'commands' || !changed) return;
    const incarnation = history.of(shadowKey(ref)).at(-1)?.incarnation ?? 0;
    const isGuarded = typeof member(body, 'version') === 'number';
    judge(write, { token, incarnation, isGuarded, desired: before?.state.desired ?? {} });
  }

  function judge(
    write: Write,
    { token, incarnation, isGuarded, desired }: Pick<Stored, 'incarnation' | 'desired'> & GuardedWrite,
  ): void {
    const leaves = leavesOf(write.patch);
    // An empty array carries no stamp: whoever lost the answer to nothing else cannot know, and writes the same again.
    if (leaves.every(([, value]) => isStampless(value))) return;
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

function isStampless(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
