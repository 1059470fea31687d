import type { CommandId, EpochMs, FieldPointer, ThingName, WriteId } from '../../src/core/brand.ts';
import type { Command } from '../../src/core/command/command.ts';
import type { Write } from '../../src/core/command/write.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/json.ts';
import type { LedgerChange } from '../../src/ports/ledger.ts';

/**
 * What the engine commits in one command's life, step by step, each step one or more commits made at once: created, with
 * its write; then, when the device has answered, accepted and succeeded. Recorded from the engine, field by field.
 */
export function lifeOf(number: number, things: number): readonly (readonly (readonly LedgerChange[])[])[] {
  const thingName = `thing-${number % things}` as ThingName;
  const ref = { thingName };
  const createdAt = (1_790_000_000_000 + number) as EpochMs;
  const field = (name: string, desired: string | number): Command['fields'][number] => ({
    field: `/${name}` as FieldPointer,
    desired,
    state: { outcome: 'pending' },
  });
  const writeId = uuidAt(number, 0x2222) as WriteId;
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
    writeId,
  };
  const write: Write = {
    id: writeId,
    ref,
    purpose: 'commands',
    commandIds: [queued.id],
    patch: queued.patch,
    base: { version: 4 + number, incarnation: 1, stamp: 1_790_000_000 },
    before: { ['/targetC' as FieldPointer]: 17 },
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
    sentAt: createdAt,
    clock: { leftMs: 60_000, runningSince: createdAt },
    fields: queued.fields.map((each) => ({ ...each, restoreTo: 17 })),
  };
  const succeeded: Command = {
    ...sent,
    status: 'succeeded',
    revision: 3,
    deliveredAt: createdAt,
    endedAt: createdAt,
    clock: { leftMs: 59_900 },
    fields: sent.fields.map((each) => ({ ...each, state: { outcome: 'confirmed' } })),
  };
  const accepted = lineOf(sent, 'service', [
    replace('/status', 'sent'),
    ...[0, 1, 2].map((each) => add(`/fields/${each}/restoreTo`, 17)),
    add('/version', 5 + number),
    add('/versionFrom', 'accepted'),
    add('/incarnation', 1),
    add('/stamp', 1_790_000_000),
    add('/sentAt', createdAt),
  ]);
  const ended = lineOf(succeeded, 'device', [
    { op: 'remove', path: '/clock/runningSince' },
    replace('/clock/leftMs', 59_900),
    replace('/status', 'succeeded'),
    ...[2, 1, 0].map((each) => replace(`/fields/${each}/state/outcome`, 'confirmed')),
    add('/deliveredAt', createdAt),
    add('/endedAt', createdAt),
  ]);
  const landed: Write = { ...write, state: 'accepted', acceptedVersion: 5 + number };
  return [
    [[stored(queued), lineOf(queued, queued.author, []), { type: 'write', write }]],
    [
      [stored(sent), accepted, { type: 'write', write: landed }],
      [stored(succeeded), ended],
    ],
  ];
}

const stored = (command: Command): LedgerChange => ({ type: 'command', command });
const replace = (path: string, value: JsonValue): JsonObject => ({ op: 'replace', path, value });
const add = (path: string, value: JsonValue): JsonObject => ({ op: 'add', path, value });

function lineOf(command: Command, by: string, patch: readonly JsonObject[]): LedgerChange {
  const { id: commandId, createdAt: at, status, version } = command;
  const event = status === 'queued' ? 'created' : status;
  const entry = { commandId, at, by, event, status, ...(version === undefined ? {} : { version }), patch };
  return { type: 'timeline', entry };
}

/** Like a UUIDv7: rises with the number, the rest looks random. */
function uuidAt(number: number, kind: number): string {
  const time = (0x019a_0000_0000 + number).toString(16).padStart(12, '0');
  const mixed = Math.imul(number ^ kind, 0x9e37_79b1) >>> 0;
  const tail = (mixed * 65_536 + (kind & 0xffff)).toString(16).padStart(12, '0').slice(-12);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${(mixed & 0xfff).toString(16).padStart(3, '0')}-8${(mixed >>> 20).toString(16).padStart(3, '0')}-${tail}`;
}
