import type { CommandId, EpochMs, FieldPointer, ThingName, WriteId } from '../../src/core/brand.ts';
import type { Command } from '../../src/core/command/command.ts';
import type { Write } from '../../src/core/command/write.ts';
import type { LedgerChange } from '../../src/ports/ledger.ts';

/** The commits of one command's life, as the engine makes them: queued; write open; accepted; confirmed. */
export function lifeOf(number: number, things: number): readonly (readonly LedgerChange[])[] {
  const thingName = `thing-${number % things}` as ThingName;
  const ref = { thingName };
  const createdAt = (1_790_000_000_000 + number) as EpochMs;
  const field = (name: string, desired: string | number): Command['fields'][number] => ({
    field: `/${name}` as FieldPointer,
    desired,
    state: { outcome: 'pending' },
  });
  const queued: Command = {
    id: uuidAt(number, 0x1111) as CommandId,
    kind: 'shadow',
    ref,
    author: `app-${number % 50}`,
    createdAt,
    patch: { targetC: 18 + (number % 8), mode: 'heat', fan: { speed: number % 6 } },
    fields: [field('targetC', 18 + (number % 8)), field('mode', 'heat'), field('fan/speed', number % 6)],
    policy: {
      applyWithinMs: 60_000,
      expiresAt: (createdAt + 604_800_000) as EpochMs,
      whenOffline: 'wait',
      onEnd: 'restore',
    },
    status: 'queued',
    clock: { leftMs: 60_000 },
    revision: 1,
  };
  const write: Write = {
    id: uuidAt(number, 0x2222) as WriteId,
    ref,
    purpose: 'commands',
    commandIds: [queued.id],
    patch: queued.patch,
    base: { version: 4 + number, incarnation: 1, stamp: 0 },
    before: {},
    attempt: 1,
    createdAt,
    state: 'open',
  };
  const sent: Command = {
    ...queued,
    status: 'sent',
    revision: 2,
    version: 5 + number,
    versionFrom: 'accepted',
    incarnation: 1,
    stamp: 1_790_000_000,
    writeId: write.id,
    sentAt: createdAt,
    clock: { leftMs: 60_000, runningSince: createdAt },
  };
  const succeeded: Command = {
    ...sent,
    status: 'succeeded',
    revision: 3,
    endedAt: createdAt,
    clock: { leftMs: 59_900 },
    fields: sent.fields.map((each) => ({ ...each, state: { outcome: 'confirmed' } })),
  };
  const line = (command: Command, event: string): LedgerChange => ({
    type: 'timeline',
    entry: {
      commandId: command.id,
      at: createdAt,
      by: 'watcher',
      event,
      status: command.status,
      patch: [
        { op: 'replace', path: '/status', value: command.status },
        { op: 'add', path: '/version', value: 5 + number },
      ],
    },
  });
  const stored = (command: Command): LedgerChange => ({ type: 'command', command });
  return [
    [stored(queued), line(queued, 'created')],
    [{ type: 'write', write }],
    [
      stored(sent),
      { type: 'write', write: { ...write, state: 'accepted', acceptedVersion: 5 + number } },
      line(sent, 'accepted'),
    ],
    [stored(succeeded), line(succeeded, 'evidence')],
  ];
}

/** Like a UUIDv7: rises with the number, the rest looks random. */
function uuidAt(number: number, kind: number): string {
  const time = (0x019a_0000_0000 + number).toString(16).padStart(12, '0');
  const mixed = Math.imul(number ^ kind, 0x9e37_79b1) >>> 0;
  const tail = (mixed * 65_536 + (kind & 0xffff)).toString(16).padStart(12, '0').slice(-12);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${(mixed & 0xfff).toString(16).padStart(3, '0')}-8${(mixed >>> 20).toString(16).padStart(3, '0')}-${tail}`;
}
