import type { CommandId } from '../../src/core/brand.ts';
import type { Command, CommandField, Successor } from '../../src/core/command/command.ts';
import { overlaps } from '../../src/core/json/json-pointer.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import { parseShadowTopic } from '../../src/protocol/topics.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { Sighting } from '../world/sighting.ts';
import type { MakeChecker } from './checker.ts';
import { isOwn, writtenAt } from './evidence.ts';
import { touchesDesired, type Revision } from './service-history.ts';

/** I11: what a superseded field names as its successor exists, came later, and took the field. */
export const successors: MakeChecker = (context) => {
  const { history, violated } = context;
  const commands = new Map<CommandId, Command>();
  const lookedAt = new Set<CommandId>();
  const deletions = new Set<string>();
  let ended = false;
  return {
    see(_atMs, sighting) {
      const gone = deletionIn(sighting);
      if (gone !== undefined) deletions.add(gone);
      if (sighting.type === 'phase' && sighting.phase === 'end') ended = true;
      if (sighting.type !== 'looked' || sighting.command === undefined) return;
      const { command } = sighting;
      commands.set(command.id, command);
      if (!ended) return;
      // In the second round everybody who can be a successor is known.
      if (lookedAt.has(command.id)) judge(command);
      lookedAt.add(command.id);
    },
  };

  function judge(command: Command): void {
    for (const field of command.fields) {
      if (field.state.outcome !== 'superseded') continue;
      const wrong = flawOf(command, field, field.state.by);
      if (wrong !== undefined)
        violated(`command ${command.id} at v${command.version} ${field.field}: superseded ${wrong}`);
    }
  }

  function flawOf(command: Command, field: CommandField, by: Successor): string | undefined {
    const revisions = history.of(shadowKey(command.ref));
    switch (by.kind) {
      case 'foreign':
        return foreignFlaw(command, field, by.version);
      case 'command':
        return commandFlaw(command, field, by.commandId);
      case 'deleted':
        return deletions.has(shadowKey(command.ref)) ? undefined : 'by a deletion that never was';
      case 'unknown': {
        // Also before it: what the server had not heard of when it wrote in vain.
        const others = revisions.filter((one) => !isOwn(one, command, context));
        return others.some((one) => touchesDesired(one, field.field)) ? undefined : 'by nobody';
      }
    }
  }

  function foreignFlaw(command: Command, { field }: CommandField, version: number): string | undefined {
    const key = shadowKey(command.ref);
    const written = history.of(key)[writtenAt(command, context)];
    const at = history.indexOf(key, version, written?.incarnation);
    const revision: Revision | undefined = history.of(key)[at < 0 ? history.indexOf(key, version) : at];
    if (revision === undefined) return `by v${version}, which never was`;
    if (revision.client === SERVER) return `by v${version} of somebody else, which the server wrote itself`;
    if (!touchesDesired(revision, field)) return `by v${version}, which did not touch it`;
    // What took the field while the result of an earlier attempt was not known is left out of the one that was stored.
    const isCarried = written !== undefined && touchesDesired(written, field);
    const isOlder = at >= 0 && isCarried && command.versionFrom === 'accepted' && version <= (command.version ?? 0);
    return isOlder ? `by v${version}, which is older` : undefined;
  }

  function commandFlaw(command: Command, { field }: CommandField, id: CommandId): string | undefined {
    if (id === command.id) return 'by itself';
    const successor = commands.get(id);
    if (successor === undefined) return `by ${id}, which nobody knows`;
    if (!successor.fields.some((own) => overlaps({ left: own.field, right: field }))) {
      return `by ${id}, which asks nothing of it`;
    }
    const { version } = command;
    // From a get it is only the lowest that it can have been; and the network may have brought its write a second time,
    // on top of this one (found by seed 46162).
    const isOlder =
      version !== undefined &&
      successor.version !== undefined &&
      successor.versionFrom !== 'get' &&
      successor.incarnation === command.incarnation &&
      successor.version < version &&
      !history.of(shadowKey(command.ref)).some((one) => one.version > version && isOwn(one, successor, context));
    return isOlder ? `by v${successor.version}` : undefined;
  }
};

/** One that happened, or one that somebody forged: the server has no means to tell them apart. */
function deletionIn(sighting: Sighting): string | undefined {
  if (sighting.type === 'service') {
    return sighting.operation === 'delete' && sighting.code === 200 ? shadowKey(sighting.ref) : undefined;
  }
  if (sighting.type !== 'delivered' || !sighting.topic.endsWith('/delete/accepted')) return undefined;
  const ref = parseShadowTopic(sighting.topic)?.ref;
  return ref === undefined ? undefined : shadowKey(ref);
}
