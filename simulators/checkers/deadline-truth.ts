import type { CommandId } from '../../src/core/brand.ts';
import { VERDICT_OF, type Command } from '../../src/core/command/command.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { MakeChecker } from './checker.ts';
import { unproven, writtenAt } from './evidence.ts';
import { SteadyClock } from './steady-clock.ts';

/** Clocks may run a tenth wrong. */
const RATE = 0.88;
/** How long evidence may be on its way before it must have been seen: the longest delay, and a lost answer asked again. */
const ON_ITS_WAY_MS = 25_000;

/**
 * I9: `timed_out` and `expired` are never given early, never against evidence that was there in time, and not left out
 * once everything works again.
 */
export const deadlineTruth: MakeChecker = (context) => {
  const sentAt = new Map<CommandId, number>();
  const firstLineAt = new Map<CommandId, number>();
  const createdAt = new Map<CommandId, { atMs: number; command: Command }>();
  const endedAt = new Map<CommandId, number>();
  const judged = new Set<CommandId>();
  const clock = new SteadyClock();
  const pauses: { readonly from: number; to: number }[] = [];
  /** That much earlier, of the time in which the server was running: a paused one sees nothing (found by seed 29984). */
  const runningBefore = (atMs: number, byMs: number): number => {
    let at = atMs;
    let left = byMs;
    for (const { from, to } of pauses.toReversed()) {
      if (to > at || at - to >= left) continue;
      left -= at - to;
      at = from;
    }
    return at - left;
  };
  return {
    see(atMs, sighting) {
      clock.see(atMs, sighting);
      if (sighting.type === 'pause') pauses.push({ from: atMs, to: Infinity });
      const pause = pauses.at(-1);
      if (
        (sighting.type === 'resume' || sighting.type === 'crash') &&
        sighting.process === SERVER &&
        pause !== undefined
      ) {
        pause.to = Math.min(pause.to, atMs);
      }
      if (sighting.type === 'event' && !firstLineAt.has(sighting.entry.commandId)) {
        firstLineAt.set(sighting.entry.commandId, atMs);
      }
      if (sighting.type === 'created' && sighting.command !== undefined) {
        // An answer may come long after the creation, to a caller that asked again.
        const { id } = sighting.command;
        if (!createdAt.has(id)) createdAt.set(id, { atMs: firstLineAt.get(id) ?? atMs, command: sighting.command });
      }
      if (sighting.type === 'event' && sighting.entry.status !== 'queued' && !sentAt.has(sighting.entry.commandId)) {
        sentAt.set(sighting.entry.commandId, atMs);
      }
      if (sighting.type === 'event' && VERDICT_OF[sighting.entry.status] === 'timed_out') {
        if (!endedAt.has(sighting.entry.commandId)) endedAt.set(sighting.entry.commandId, atMs);
      }
      if (sighting.type !== 'looked' || sighting.command === undefined) return;
      const { command } = sighting;
      if (VERDICT_OF[command.status] !== 'timed_out' || judged.has(command.id)) return;
      judged.add(command.id);
      const created = createdAt.get(command.id);
      if (created === undefined) return;
      const byExpiry = (command.endedAt ?? 0) >= command.policy.expiresAt;
      if (!byExpiry && command.status === 'expired') {
        context.violated(`command ${command.id} expired at ${command.endedAt}, before ${command.policy.expiresAt}`);
      }
      // The line may come late, when the ledger was in trouble; the service knows when it was.
      const written = context.history.of(shadowKey(command.ref))[writtenAt(command, context)];
      const ranMs = atMs - Math.min(sentAt.get(command.id) ?? atMs, written?.atMs ?? atMs);
      if (!byExpiry && ranMs < command.policy.applyWithinMs * RATE) {
        context.violated(
          `command ${command.id} timed out ${ranMs} ms after it was sent; it had ${command.policy.applyWithinMs}`,
        );
      }
      const livedMs = atMs - created.atMs;
      const lifeMs = command.policy.expiresAt - command.createdAt;
      if (byExpiry && clock.evenSince(created.atMs) && livedMs < lifeMs * RATE) {
        context.violated(`command ${command.id} ended after ${livedMs} ms of a life of ${lifeMs}`);
      }
      // A verdict that nobody saw at the time cannot be dated from outside.
      const seenAt = endedAt.get(command.id);
      if (seenAt === undefined) return;
      // While the ledger is in trouble the line comes long after the verdict; the command says when it was.
      const verdictAt = Math.min(seenAt, created.atMs + ((command.endedAt ?? Infinity) - command.createdAt));
      const missing = unproven(command, runningBefore(verdictAt, ON_ITS_WAY_MS), context, {
        noop: false,
        stoodUntilMs: verdictAt,
      });
      if (missing?.length === 0 && command.fields.some(({ desired }) => desired !== null)) {
        context.violated(`command ${command.id} ${command.status} although the device had shown every field`);
      }
    },
  };
};
