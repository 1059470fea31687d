import type { CommandId } from '../../src/core/brand.ts';
import { VERDICT_OF, type Command } from '../../src/core/command/command.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import type { MakeChecker } from './checker.ts';
import { CommandTimes } from './command-times.ts';
import { unproven, writtenAt } from './evidence.ts';
import { KnownAway } from './known-away.ts';
import { ReadSnapshots } from './read-snapshots.ts';
import { RunningTime } from './running-time.ts';
import { SteadyClock } from './steady-clock.ts';

/** Clocks may run a tenth wrong. */
const RATE = 0.88;
/** An even clock and whole milliseconds. */
const EVEN_RATE = 0.999;
/** How long evidence may be on its way before it must have been seen: the longest delay, and a lost answer asked again. */
const ON_ITS_WAY_MS = 25_000;
/** How long the ledger takes for a commit while nothing is wrong with it. */
const STORED_MS = 5;
/** Without faults: a snapshot that was asked for after the deadline, on a bad day. */
const LATE_MS_MAX = 60_000;

/**
 * I9: `timed_out` and `expired` are never given early, never against evidence that was there in time, and not left out
 * once everything works again.
 */
export const deadlineTruth: MakeChecker = (context) => {
  const judged = new Set<CommandId>();
  const clock = new SteadyClock();
  const times = new CommandTimes();
  const running = new RunningTime();
  const away = new KnownAway();
  const snapshots = new ReadSnapshots();
  let healedAt = Infinity;
  return {
    see(atMs, sighting) {
      for (const watch of [clock, times, running, away, snapshots]) watch.see(atMs, sighting);
      if (sighting.type === 'phase' && sighting.phase === 'healed') healedAt = atMs;
      if (sighting.type !== 'looked' || sighting.command === undefined) return;
      const { command } = sighting;
      if (VERDICT_OF[command.status] !== 'timed_out' || judged.has(command.id)) return;
      judged.add(command.id);
      const createdAt = times.created(command.id);
      if (createdAt === undefined) return;
      const byExpiry = (command.endedAt ?? 0) >= command.policy.expiresAt;
      if (byExpiry) lived(command, createdAt, atMs);
      else ran(command, atMs);
      // A verdict that nobody saw at the time cannot be dated from outside.
      const verdictAt = times.verdict(command);
      if (verdictAt !== undefined) against(command, verdictAt, createdAt);
    },
  };

  function lived(command: Command, createdAt: number, atMs: number): void {
    const livedMs = atMs - createdAt;
    const lifeMs = command.policy.expiresAt - command.createdAt;
    if (!clock.evenSince(createdAt)) return;
    if (livedMs < lifeMs * EVEN_RATE) {
      context.violated(`command ${command.id} ended after ${livedMs} ms of a life of ${lifeMs}`);
    }
    const verdictAt = times.verdict(command);
    const dueAt = Math.max(createdAt + lifeMs, healedAt + LATE_MS_MAX);
    if (verdictAt !== undefined && verdictAt > dueAt + LATE_MS_MAX) {
      context.violated(`command ${command.id} ended ${verdictAt - dueAt} ms after its deadline`);
    }
  }

  /** The budget runs only while the device could act and somebody follows it. */
  function ran(command: Command, atMs: number): void {
    const { id, ref, policy } = command;
    if (command.status === 'expired') {
      context.violated(`command ${id} expired at ${command.endedAt}, before ${policy.expiresAt}`);
    }
    // The line may come late, when the ledger was in trouble; the service knows when it was.
    const written = context.history.of(shadowKey(ref))[writtenAt(command, context)];
    const from = Math.min(times.sent(id) ?? atMs, written?.atMs ?? atMs);
    // Once delivered it runs on while nobody knows whether the device is there.
    const awayMs = command.deliveredAt === undefined ? away.awayMs(ref.thingName, from, atMs) : 0;
    const stoodMs = awayMs + running.downMs(from, atMs);
    const ranMs = atMs - from - stoodMs;
    if (ranMs < policy.applyWithinMs * (clock.evenSince(from) ? EVEN_RATE : RATE)) {
      context.violated(`command ${id} timed out when it had run for ${ranMs} ms; it had ${policy.applyWithinMs}`);
    }
  }

  function against(command: Command, verdictAt: number, createdAt: number): void {
    if (command.fields.every(({ desired }) => desired === null)) return;
    const byMs = running.before(verdictAt, ON_ITS_WAY_MS);
    const missing = unproven(command, byMs, context, { noop: false, stoodUntilMs: verdictAt });
    if (missing?.length === 0) {
      context.violated(`command ${command.id} ${command.status} although the device had shown every field`);
    }
    // What a snapshot shows was known when it had been read, however soon after; the verdict is seen once it is stored.
    const lifeMs = (command.endedAt ?? 0) - command.createdAt;
    const decidedAt = Math.min(verdictAt, createdAt + lifeMs) - STORED_MS;
    const readAt = clock.evenSince(createdAt) ? snapshots.newest(shadowKey(command.ref), decidedAt) : undefined;
    if (readAt === undefined) return;
    const unread = unproven(command, readAt, context, { noop: false, stands: true });
    if (unread?.length === 0) {
      context.violated(`command ${command.id} ${command.status} although a snapshot had shown every field`);
    }
  }
};
