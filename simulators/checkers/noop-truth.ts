import type { CommandId, FieldPointer } from '../../src/core/brand.ts';
import type { Command } from '../../src/core/command/command.ts';
import { overlaps } from '../../src/core/json/json-pointer.ts';
import { modelEqual } from '../../src/core/model/model-equal.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import type { MakeChecker } from './checker.ts';
import { CommandTimes } from './command-times.ts';
import { writtenAt } from './evidence.ts';
import { KnownAway } from './known-away.ts';
import { bringsReported, claimOf, reportedOf, type Revision } from './service-history.ts';
import { SteadyClock } from './steady-clock.ts';

/**
 * I8: `noop` says that nothing had to change. Reported was as asked when the write was stored, and the device's answer
 * changed nothing. Where there was no answer, the device is a plain one that was not known to be away, and no other
 * command was open on the field. (What desired was before is looked at with the evidence.) Of a verdict that cannot be
 * dated, since the server's clock was set, only the first of these is asked: nobody can say what else there was by then.
 */
export const noopTruth: MakeChecker = (context) => {
  const times = new CommandTimes();
  const clock = new SteadyClock();
  const presence = new KnownAway();
  const commands = new Map<CommandId, Command>();
  /** When it ended, by the first who saw that it had; undefined: that cannot be dated. */
  const ends = new Map<CommandId, number | undefined>();
  const lookedAt = new Set<CommandId>();
  let ended = false;
  return {
    see(atMs, sighting) {
      times.see(atMs, sighting);
      clock.see(atMs, sighting);
      presence.see(atMs, sighting);
      if (sighting.type === 'phase' && sighting.phase === 'end') ended = true;
      if (sighting.type !== 'looked' || sighting.command === undefined) return;
      const { command } = sighting;
      commands.set(command.id, command);
      if (command.endedAt !== undefined && !ends.has(command.id)) ends.set(command.id, endOf(command));
      if (!ended) return;
      // In the second round every other command is known with its end.
      if (lookedAt.has(command.id) && command.noop === true && command.status === 'succeeded') judge(command);
      lookedAt.add(command.id);
    },
  };

  /** A line may be told long after the end while the ledger is in trouble; the command says when it was. */
  function endOf(command: Command): number | undefined {
    const created = times.created(command.id);
    if (created === undefined || !clock.evenSince(created)) return undefined;
    const end = created + ((command.endedAt ?? Infinity) - command.createdAt);
    return Math.min(end, times.line(command) ?? Infinity);
  }

  function judge(command: Command): void {
    const at = writtenAt(command, context);
    const verdictAt = ends.get(command.id);
    if (at < 0) return;
    for (const field of command.fields) {
      const flaw = field.desired === null ? undefined : flawOf(command, field, { at, verdictAt });
      if (flaw !== undefined) {
        context.violated(`command ${command.id} at v${command.version} ${field.field}: noop although ${flaw}`);
      }
    }
  }

  function flawOf(
    command: Command,
    { field, desired }: Command['fields'][number],
    { at, verdictAt }: { at: number; verdictAt: number | undefined },
  ): string | undefined {
    const key = shadowKey(command.ref);
    const annotations = context.modelOf(key).annotations(field);
    const shows = (revision: Revision): boolean =>
      modelEqual({ desired, reported: reportedOf(revision, field), annotations });
    const written = context.history.of(key)[at];
    if (written !== undefined && !shows(written)) return `reported was otherwise at v${written.version}`;
    if (verdictAt === undefined) return undefined;
    const life = context.history.lifeAsTold(key, at, verdictAt).filter(({ atMs }) => atMs <= verdictAt);
    const answer = life.findIndex((one, nth) => nth > 0 && shows(one) && isAnswer(one, command, field));
    const changed = life.slice(0, answer < 0 ? 1 : answer).find((one) => !shows(one));
    if (changed !== undefined) return `reported was otherwise at v${changed.version}`;
    if (answer >= 0) return undefined;
    // A millisecond to either side: both are events of the same moment.
    if (presence.awayMs(command.ref.thingName, verdictAt - 1, verdictAt + 1) >= 2) return 'the device was away';
    const other = [...commands.values()].find((one) => wasOpen(one, command, field, verdictAt));
    return other === undefined ? undefined : `${other.id} was open`;
  }

  /** Only where all that the other asked for is the field or around it: then what was open of it was that. */
  function wasOpen(other: Command, command: Command, field: FieldPointer, verdictAt: number): boolean {
    if (other.id === command.id || shadowKey(other.ref) !== shadowKey(command.ref)) return false;
    if (other.incarnation !== command.incarnation || other.writeId === command.writeId) return false;
    if (!other.fields.every((one) => overlaps({ left: one.field, right: field }))) return false;
    const sent = times.sent(other.id);
    const end = ends.has(other.id) ? ends.get(other.id) : Infinity;
    return sent !== undefined && sent < verdictAt && end !== undefined && end > verdictAt;
  }
};

/** What the device said of the command, or a plain one of the field. */
function isAnswer(revision: Revision, command: Command, field: FieldPointer): boolean {
  const claim = claimOf(revision);
  if (claim === undefined) return bringsReported(revision, field);
  return claim.version >= (command.version ?? Infinity) && claim.version < revision.version && !claim.listed.has(field);
}
