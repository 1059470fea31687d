import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClientToken, CommandId, EpochMs, FieldPointer, ThingName } from '../../src/core/brand.ts';
import type { CommandStatus } from '../../src/core/command/command.ts';
import { tokenOf } from '../../src/core/command/write.ts';
import type { JsonObject } from '../../src/core/json/json.ts';
import { inScope, type Scope } from '../../src/core/access/decide.ts';
import { DIRECT_PLACE } from '../../src/core/direct/place.ts';
import { shadowKey, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { CommandFilter, DriftFilter, Ledger } from '../../src/ports/ledger.ts';
import {
  aCommand,
  aDirect,
  aDrift,
  aLine,
  aPresence,
  aRecord,
  at,
  aView,
  aWrite,
  code,
  commandId,
  commit,
  everyPage,
  got,
  line,
  next,
  ref,
  stored,
  T0,
} from '../support/ledger-fixtures.ts';

export interface LedgerUnderTest {
  readonly ledger: Ledger;
  /** The same data behind a new handle, as after a restart of the process. */
  reopen(): Promise<Ledger>;
  /** Lets go of everything. */
  dispose(): Promise<void>;
}

/** The promises of `src/ports/ledger.ts`, for every implementation. */
export function describeLedger(name: string, open: () => Promise<LedgerUnderTest>): void {
  describe(`the ledger port, kept by ${name}`, () => {
    let under: LedgerUnderTest;
    let ledger: Ledger;
    beforeEach(async () => {
      under = await open();
      ledger = under.ledger;
    });
    afterEach(() => under.dispose());

    test('an empty ledger answers every question with nothing', async () => {
      expect(await got(ledger.command(commandId(1)))).toBeUndefined();
      expect(await got(ledger.commands({}, { limit: 10 }))).toEqual({ items: [] });
      expect(await got(ledger.timeline(commandId(1)))).toEqual([]);
      expect(await got(ledger.events(0, 10))).toEqual({ entries: [], oldest: 1, newest: 0 });
      expect(await got(ledger.idempotency('key'))).toBeUndefined();
      expect(await got(ledger.write('sr1-none' as ClientToken))).toBeUndefined();
      expect(await got(ledger.write('foreign' as ClientToken))).toBeUndefined();
      expect(await got(ledger.shadow(ref('heater-1')))).toEqual({
        open: [],
        ended: [],
        writes: [],
        drift: [],
        flapped: [],
      });
      expect(await got(ledger.openShadows({ limit: 10 }))).toEqual({ items: [] });
      expect(await got(ledger.shadows({ limit: 10 }))).toEqual({ items: [] });
      expect(await got(ledger.presence('heater-1' as ThingName))).toBeUndefined();
      expect(await got(ledger.driftCounts({}))).toEqual({
        fields: 0,
        shadows: 0,
        byCause: {},
        ignored: 0,
        acknowledged: 0,
      });
      expect(await got(ledger.prune(at(1e9), 10))).toBe(0);
      expect(await ledger.health()).toEqual({ state: 'ok', waiting: 0 });
    });

    describe('commit', () => {
      test('stores all of its changes, and they are still there after a restart', async () => {
        const command = aCommand(1, { ref: ref('heater-1/config'), reason: 'too cold' });
        const write = aWrite(1, { ref: command.ref, base: { version: 4, incarnation: 1, stamp: 0 } });
        const view = aView('heater-1/config');
        const drift = aDrift('heater-1/config', '/targetC', { commandId: command.id });
        const odd = '/\ud800' as FieldPointer;
        const flapped = [
          { field: odd, flaps: 1, version: 3 },
          { field: odd, flaps: 2, version: 5 },
        ];
        const rule = { id: 'r', thing: 'x*', field: '/a', reason: 'known', by: 'ops', createdAt: T0 };
        await commit(
          ledger,
          line(aLine(command)),
          stored(command),
          { type: 'write', write },
          { type: 'view', view },
          { type: 'presence', presence: aPresence('heater-1') },
          { type: 'drift', entry: drift },
          ...flapped.map((each) => ({ type: 'flapped' as const, ref: command.ref, flapped: each })),
          { type: 'ignore_rule', rule },
          { type: 'idempotency', record: aRecord('key', command) },
        );
        for (const restarted of [false, true]) {
          const each = restarted ? await under.reopen() : ledger;
          expect(await got(each.command(command.id))).toEqual(command);
          expect(await got(each.timeline(command.id))).toEqual([{ sequence: 1, ...aLine(command) }]);
          expect(await got(each.write(tokenOf(write.id)))).toEqual(write);
          expect(await got(each.shadow(command.ref))).toEqual({
            view,
            open: [command],
            ended: [],
            writes: [write],
            drift: [drift],
            flapped: flapped.slice(1),
          });
          expect(await got(each.shadow(ref('heater-1')))).toEqual({
            open: [],
            ended: [],
            writes: [],
            drift: [],
            flapped: [],
          });
          expect(await got(each.presence('heater-1' as ThingName))).toEqual(aPresence('heater-1'));
          expect(await got(each.ignoreRules())).toEqual([rule]);
          expect(await got(each.idempotency('key'))).toEqual(aRecord('key', command));
        }
      });

      test('replaces what has the same key', async () => {
        const first = aCommand(1);
        await commit(
          ledger,
          stored(first),
          { type: 'write', write: aWrite(1) },
          { type: 'view', view: aView('heater-1') },
          { type: 'presence', presence: aPresence('heater-1') },
          { type: 'drift', entry: aDrift('heater-1', '/a') },
        );
        const second = next(first, { status: 'sent', version: 8 });
        await commit(
          ledger,
          stored(second),
          { type: 'write', write: aWrite(1, { state: 'accepted', acceptedVersion: 8 }) },
          { type: 'view', view: aView('heater-1', { version: 8 }) },
          { type: 'presence', presence: aPresence('heater-1', { state: 'offline' }) },
          { type: 'drift', entry: aDrift('heater-1', '/a', { flaps: 3 }) },
        );
        expect(await got(ledger.command(first.id))).toEqual(second);
        expect((await got(ledger.write(tokenOf(aWrite(1).id))))?.acceptedVersion).toBe(8);
        const { view, open, writes, drift } = await got(ledger.shadow(first.ref));
        expect([view?.version, open, writes, drift[0]?.flaps]).toEqual([8, [second], [], 3]);
        expect((await got(ledger.presence('heater-1' as ThingName)))?.state).toBe('offline');
        expect((await got(ledger.commands({}, { limit: 10 }))).items).toEqual([second]);
      });

      test('counts the fleet: pending, drifted and refused shadows once each, ignored and acknowledged drift not at all', async () => {
        await commit(
          ledger,
          stored(aCommand(1)),
          stored(aCommand(2)),
          ...['heater-1', 'heater-2', 'heater-3', 'heater-4'].map(
            (key) => ({ type: 'view', view: aView(key) }) as const,
          ),
          { type: 'presence', presence: aPresence('heater-1') },
          { type: 'presence', presence: aPresence('heater-2', { state: 'offline' }) },
          { type: 'presence', presence: aPresence('no-device') },
          { type: 'drift', entry: aDrift('heater-2', '/a', { cause: 'refused', firstSeenAt: at(0) }) },
          { type: 'drift', entry: aDrift('heater-2', '/b', { cause: 'refused', firstSeenAt: at(9) }) },
          { type: 'drift', entry: aDrift('heater-3', '/a', { acknowledged: { by: 'ops', at: T0 } }) },
          { type: 'drift', entry: aDrift('heater-4', '/a', { ignoredBy: { ruleId: 'r', reason: 'x' } }) },
        );
        expect(await got(ledger.overview())).toEqual({
          things: { online: 1, offline: 1, unknown: 2 },
          shadows: { total: 4, pending: 1, drifted: 1, refused: 1, inSync: 2 },
        });
        const scope = { allow: [{ things: ['heater-*'] }], deny: [{ things: ['heater-2'] }, { things: ['*-4'] }] };
        expect(await got(ledger.overview(scope))).toEqual({
          things: { online: 1, offline: 0, unknown: 1 },
          shadows: { total: 2, pending: 1, drifted: 0, refused: 0, inSync: 1 },
        });
      });

      test('takes away drift and ignore rules', async () => {
        const rule = { id: 'r', thing: '*', field: '*', reason: 'x', by: 'ops', createdAt: T0 };
        await commit(
          ledger,
          { type: 'drift', entry: aDrift('heater-1', '/a') },
          { type: 'drift', entry: aDrift('heater-1', '/b') },
          { type: 'ignore_rule', rule },
        );
        await commit(
          ledger,
          { type: 'drift_gone', ref: ref('heater-1'), field: aDrift('heater-1', '/a').field },
          { type: 'ignore_rule_gone', id: 'r' },
        );
        expect((await got(ledger.shadow(ref('heater-1')))).drift.map(({ field }) => field)).toEqual(['/b']);
        expect(await got(ledger.ignoreRules())).toEqual([]);
      });

      test('is all or nothing: a stale command leaves nothing of its commit, and nothing of it is in the timeline', async () => {
        const command = aCommand(1, { revision: 5 });
        await commit(ledger, stored(command), line(aLine(command)));
        const other = aCommand(2);
        for (const revision of [4, 5]) {
          const stale = { ...command, revision, status: 'cancelled' as const };
          const changes = [stored(other), line(aLine(other)), stored(stale), line(aLine(stale))];
          expect(await code(ledger.commit(changes))).toBe('ledger_stale');
        }
        expect(await got(ledger.command(command.id))).toEqual(command);
        expect(await got(ledger.command(other.id))).toBeUndefined();
        expect(await got(ledger.events(0, 10))).toMatchObject({ newest: 1 });
      });

      test('a stale commit does not take its neighbours with it, and theirs are numbered without a gap', async () => {
        const command = aCommand(1, { revision: 2 });
        await commit(ledger, stored(command), line(aLine(command)));
        const results = await Promise.all(
          Array.from({ length: 30 }, (_, index) => {
            const each = index % 3 === 1 ? { ...command, revision: 1 } : aCommand(100 + index);
            return ledger.commit([line(aLine(each)), stored(each), line(aLine(each))]);
          }),
        );
        expect(results.map((result) => (result.ok ? result.value.firstSequence : result.problem.code))).toEqual(
          Array.from({ length: 30 }, (_, index) => {
            const before = index - Math.floor((index + 1) / 3);
            return index % 3 === 1 ? 'ledger_stale' : 2 + 2 * before;
          }),
        );
        const { entries } = await got(ledger.events(0, 100));
        expect(entries.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 41 }, (_, index) => index + 1));
      });

      test('takes effect in the order of the calls, awaited or not', async () => {
        const first = aCommand(1);
        const commits = Array.from({ length: 200 }, (_, index) =>
          ledger.commit([stored({ ...first, revision: index + 1, statusReason: `step ${index}` }), line(aLine(first))]),
        );
        const receipts = await Promise.all(commits.map((each) => got(each)));
        expect(receipts.map(({ firstSequence }) => firstSequence)).toEqual(receipts.map((_, index) => index + 1));
        expect((await got(ledger.command(first.id)))?.statusReason).toBe('step 199');
      });

      test('several revisions of one command may stand in one commit', async () => {
        const first = aCommand(1);
        const second = next(first, { status: 'sent' });
        await commit(ledger, stored(first), stored(second));
        expect(await got(ledger.command(first.id))).toEqual(second);
      });

      test('without timeline entries it has no sequence, and an empty one is stored as such', async () => {
        expect(await commit(ledger, stored(aCommand(1)))).toEqual({ firstSequence: 0 });
        expect(await commit(ledger)).toEqual({ firstSequence: 0 });
      });

      test('what a commit gave is seen by every later read, and by reads of others at once', async () => {
        const commands = Array.from({ length: 50 }, (_, index) => aCommand(index));
        await Promise.all(
          commands.map(async (command) => {
            await commit(ledger, stored(command));
            expect(await got(ledger.command(command.id))).toEqual(command);
          }),
        );
      });
    });

    describe('values', () => {
      const HOSTILE = [
        '\u0000',
        'a\u0000b',
        '\ud800',
        '\udfff tail',
        '__proto__',
        'constructor',
        '\u0001',
        '\u0001"x"',
        '😀',
        "'); DROP TABLE command;--",
        '\u2028',
        '\u00e9',
        'e\u0301',
        '',
        ' ',
        '%',
        '_',
      ];

      test('come back equal, whatever keys and strings they hold', async () => {
        const patch = JSON.parse(
          `{"__proto__":{"polluted":true},"constructor":1,"nul\\u0000":"\\u0000","lone":"\\ud800","big":1.7976931348623157e308,"small":5e-324,"int":9007199254740993,"deep":{"a":[[[{}]],null]}}`,
        ) as JsonObject;
        const command = aCommand(1, { patch, reason: HOSTILE.join('|'), author: 'lone \udc00' });
        await commit(ledger, stored(command), line(aLine(command, { detail: patch })), {
          type: 'view',
          view: aView('heater-1', { state: { desired: patch } }),
        });
        const reopened = await under.reopen();
        const read = await got(reopened.command(command.id));
        expect(read).toEqual(command);
        expect(Object.keys(read?.kind === 'shadow' ? read.patch : {})).toEqual(Object.keys(patch));
        expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
        expect((await got(reopened.timeline(command.id)))[0]?.detail).toEqual(patch);
        expect((await got(reopened.shadow(command.ref))).view?.state.desired).toEqual(patch);
      });

      test('any two strings are different authors, keys and fields', async () => {
        for (const [index, text] of HOSTILE.entries()) {
          const command = aCommand(index, { author: text });
          await commit(
            ledger,
            stored(command),
            { type: 'idempotency', record: aRecord(text, command) },
            { type: 'drift', entry: aDrift('heater-1', `/${text}`, { author: text, firstSeenAt: at(index) }) },
          );
        }
        for (const [index, author] of HOSTILE.entries()) {
          const { items } = await got(ledger.commands({ author }, { limit: 100 }));
          expect(items.map(({ id }) => id)).toEqual([commandId(index)]);
          expect((await got(ledger.idempotency(author)))?.commandId).toBe(commandId(index));
          const drift = await got(ledger.drift({ author }, { limit: 100 }));
          expect(drift.items.map(({ field }) => field)).toEqual([`/${author}`]);
        }
        const fields = await everyPage((page) => ledger.drift({ sort: 'thing' }, page), 3);
        expect(new Set(fields.map(({ field }) => field)).size).toBe(HOSTILE.length);
      });

      test('any JSON comes back as it was', async () => {
        let number = 0;
        const any = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());
        await fc.assert(
          fc.asyncProperty(any, async (value) => {
            const patch = JSON.parse(JSON.stringify(value)) as JsonObject;
            const command = aCommand((number += 1), { patch });
            await commit(ledger, stored(command));
            expect(await got(ledger.command(command.id))).toEqual(command);
          }),
          { numRuns: 60 },
        );
      });
    });

    describe('direct commands', () => {
      const thingName = 'door-1' as ThingName;

      test('stand beside the shadows of their thing, and survive a restart with all they hold', async () => {
        const first = aDirect(1, { sequence: { key: 'bolt', number: 1 }, group: { name: 'doors', abortAfter: 3 } });
        const sent = next(first, { status: 'sent', attempts: 1, sentAt: at(5) });
        const ended = aDirect(2, { status: 'timed_out', endedAt: at(9), problem: { code: 'no_answer', message: '' } });
        const done = aDirect(3, { status: 'succeeded', endedAt: at(9), result: { __proto__: [null] } });
        const shadow = aCommand(4, { ref: { thingName } });
        await commit(ledger, stored(first), stored(ended), stored(done), stored(shadow), line(aLine(shadow)));
        await commit(ledger, stored(sent), { type: 'sequence', thingName, key: 'bolt', number: 4 });
        await commit(ledger, { type: 'sequence', thingName, key: 'bolt', number: 2 });
        for (const restarted of [false, true]) {
          const each = restarted ? await under.reopen() : ledger;
          expect(await got(each.direct(thingName))).toEqual({
            open: [sent],
            ended: [ended],
            sequences: new Map([['bolt', 2]]),
          });
          expect(await got(each.command(done.id))).toEqual(done);
          expect((await got(each.shadow({ thingName }))).open).toEqual([shadow]);
          const page = { limit: 10 };
          expect((await got(each.commands({ thingName }, page))).items).toEqual([shadow, done, ended, sent]);
          expect((await got(each.shadows(page))).items).toEqual([{ thingName }]);
          expect((await got(each.openShadows(page))).items.map(({ ref: { shadowName } }) => shadowName)).toEqual([
            undefined,
            DIRECT_PLACE,
          ]);
          expect((await got(each.overview())).shadows).toMatchObject({ total: 1, pending: 1 });
        }
      });

      test('nothing is known of a thing that never got one', async () =>
        expect(await got(ledger.direct(thingName))).toEqual({ open: [], ended: [], sequences: new Map() }));

      test('a stale revision is refused as for every command', async () => {
        const command = aDirect(1);
        await commit(ledger, stored(next(command, { status: 'sent' })));
        expect(await code(ledger.commit([stored(command)]))).toBe('ledger_stale');
      });

      test('ended ones are pruned like all others', async () => {
        await commit(ledger, stored(aDirect(1, { status: 'succeeded', endedAt: at(1) })), stored(aDirect(2)));
        expect(await got(ledger.prune(at(10), 10))).toBe(1);
        expect((await got(ledger.direct(thingName))).open).toHaveLength(1);
      });
    });

    describe('lists', () => {
      const STATUSES: readonly CommandStatus[] = ['queued', 'sent', 'succeeded', 'timed_out'];
      const fleet = Array.from({ length: 60 }, (_, index) =>
        aCommand(index, {
          ref: ref(['heater-1', 'heater-1/config', 'heater-2'][index % 3] ?? ''),
          status: STATUSES[index % 4] ?? 'queued',
          author: index % 5 === 0 ? 'ops' : 'app',
          ...(index % 4 > 1 ? { endedAt: at(1_000 + index) } : {}),
        }),
      );

      test.each([
        { filter: {}, keeps: () => true },
        { filter: { thingName: 'heater-1' }, keeps: (i: number) => i % 3 < 2 },
        { filter: { thingName: 'heater-1', shadowName: null }, keeps: (i: number) => i % 3 === 0 },
        { filter: { thingName: 'heater-1', shadowName: 'config' }, keeps: (i: number) => i % 3 === 1 },
        { filter: { shadowName: 'config' }, keeps: (i: number) => i % 3 === 1 },
        { filter: { statuses: ['sent', 'timed_out'] }, keeps: (i: number) => i % 2 === 1 },
        { filter: { statuses: [] }, keeps: () => false },
        { filter: { author: 'ops', statuses: ['queued'] }, keeps: (i: number) => i % 20 === 0 },
        { filter: { createdFrom: at(10), createdBefore: at(20) }, keeps: (i: number) => i >= 10 && i < 20 },
        { filter: { thingName: 'nobody' }, keeps: () => false },
      ])('commands with $filter come newest first, on pages of any size', async ({ filter, keeps }) => {
        await commit(ledger, ...fleet.map(stored));
        const expected = fleet.filter((_, index) => keeps(index)).reverse();
        for (const limit of [1, 7, 100]) {
          expect(await everyPage((page) => ledger.commands(filter as object, page), limit)).toEqual(expected);
        }
      });

      test('a list of commands misses and repeats nothing while others are added and change', async () => {
        await commit(ledger, ...fleet.map(stored));
        const seen: CommandId[] = [];
        let added = 1_000;
        for (let cursor: string | undefined; ;) {
          const page = await got(ledger.commands({}, { limit: 9, ...(cursor === undefined ? {} : { cursor }) }));
          seen.push(...page.items.map(({ id }) => id));
          await commit(ledger, stored(aCommand((added += 1))), stored(next(page.items[0]!, { status: 'cancelled' })));
          if (page.next === undefined) break;
          cursor = page.next;
        }
        expect(seen).toEqual(fleet.map(({ id }) => id).reverse());
      });

      test('a cursor that is none of ours is refused or gives a page, but nothing breaks', async () => {
        await commit(ledger, ...fleet.map(stored), { type: 'drift', entry: aDrift('heater-1', '/a') });
        for (const cursor of ['', '\u0000', 'zzz', '\ud800', "' OR 1=1", 'WzFd', '[]']) {
          for (const list of [
            ledger.commands({}, { limit: 5, cursor }),
            ledger.openShadows({ limit: 5, cursor }),
            ledger.shadows({ limit: 5, cursor }),
            ledger.presences({ limit: 5, cursor }),
            ledger.drift({}, { limit: 5, cursor }),
          ]) {
            const result = await list;
            if (!result.ok) expect(result.problem.code).toBe('invalid_request');
          }
        }
        expect(await ledger.health()).toMatchObject({ state: 'ok' });
      });

      test('open shadows are counted with their earliest end, each once, on pages of any size', async () => {
        await commit(ledger, ...fleet.map(stored));
        const open = fleet.filter(({ status }) => status === 'queued' || status === 'sent');
        for (const limit of [1, 2, 10]) {
          const rows = await everyPage((page) => ledger.openShadows(page), limit);
          expect(rows.map((row) => row.ref)).toHaveLength(3);
          for (const row of rows) {
            const own = open.filter(({ ref }) => JSON.stringify(ref) === JSON.stringify(row.ref));
            expect(row.open).toBe(own.length);
            expect(row.expiresAt).toBe(Math.min(...own.map(({ policy }) => policy.expiresAt)));
          }
        }
      });

      test('shadows are those with a view or a command, each once', async () => {
        await commit(
          ledger,
          ...fleet.map(stored),
          { type: 'view', view: aView('heater-1') },
          { type: 'view', view: aView('pump-9/$admin') },
        );
        for (const limit of [1, 3, 10]) {
          const refs = await everyPage((page) => ledger.shadows(page), limit);
          expect(new Set(refs.map((each) => JSON.stringify(each)))).toEqual(
            new Set(
              ['heater-1', 'heater-1/config', 'heater-2', 'pump-9/$admin'].map((key) => JSON.stringify(ref(key))),
            ),
          );
          expect(refs).toHaveLength(4);
        }
      });

      test('presences come page by page', async () => {
        const things = Array.from({ length: 25 }, (_, index) => aPresence(`thing-${index + 10}`));
        await commit(ledger, ...things.map((presence) => ({ type: 'presence' as const, presence })));
        expect(await everyPage((page) => ledger.presences(page), 4)).toEqual(things);
      });

      test('one shadow gives its open commands oldest first, and the ended ones that can still change', async () => {
        const commands = [
          aCommand(5),
          aCommand(4, { status: 'delivered' }),
          aCommand(3, { status: 'timed_out', endedAt: at(1) }),
          aCommand(2, { status: 'failed', endedAt: at(1), endResult: 'not_yet' }),
          aCommand(1, { status: 'failed', endedAt: at(1), endResult: 'restored' }),
          aCommand(6, { status: 'expired', endedAt: at(1) }),
          aCommand(7, { ref: ref('heater-1/config') }),
        ];
        await commit(ledger, ...commands.map(stored));
        const { open, ended } = await got(ledger.shadow(ref('heater-1')));
        expect(open.map(({ id }) => id)).toEqual([commandId(4), commandId(5)]);
        expect(ended.map(({ id }) => id)).toEqual([commandId(2), commandId(3), commandId(6)]);
      });
    });

    describe('scopes', () => {
      const keys = ['a-1', 'a-1/config', 'a-2', 'a-2/cool', 'b-1', 'b-1/config', 'b_1', 'A-1'];
      const scopes: Record<string, Scope> = {
        everything: { allow: [{ things: ['*'] }], deny: [] },
        nothing: { allow: [], deny: [] },
        'no thing': { allow: [{ things: [] }], deny: [] },
        'one tenant': { allow: [{ things: ['a-*'] }], deny: [] },
        'two patterns': { allow: [{ things: ['a-1', 'b-*'] }], deny: [] },
        'with shadows': { allow: [{ things: ['a-*'], shadows: ['c*'] }], deny: [] },
        'classic only': { allow: [{ things: ['*'], shadows: ['(classic)'] }], deny: [] },
        'stars that need a name': { allow: [{ things: ['*'], shadows: ['**'] }], deny: [] },
        'all but': { allow: [{ things: ['*'] }], deny: [{ things: ['a-2'] }, { things: ['*'], shadows: ['config'] }] },
        'a deny rule without shadows': { allow: [{ things: ['*'] }], deny: [{ things: ['*'], shadows: [] }] },
        'a name that is no pattern': { allow: [{ things: ['b_1'] }], deny: [] },
      };
      beforeEach(async () => {
        await commit(ledger, ...keys.map((key, index) => stored(aCommand(index, { ref: ref(key) }))));
        await commit(ledger, ...keys.map((key) => ({ type: 'drift' as const, entry: aDrift(key, '/a') })));
      });

      test.each(Object.entries(scopes))('%s: commands, shadows, drift and counts end at it', async (_, scope) => {
        const inside = keys.filter((key) => inScope(scope, ref(key)));
        const names = (list: readonly { ref: ShadowRef }[]) => list.map((row) => shadowKey(row.ref)).sort();
        const page = { limit: 100 };
        const commands = await got(ledger.commands({ scope }, page));
        const drift = await got(ledger.drift({ scope }, page));
        const within = await got(ledger.drift({ within: [{ allow: [], deny: [] }, scope] }, page));
        const shadows = await everyPage((one) => ledger.shadows(one, { scope }), 2);
        const expected = [...inside].sort();
        expect(names(commands.items)).toEqual(expected);
        expect(names(drift.items)).toEqual(expected);
        expect(names(within.items)).toEqual(expected);
        expect(shadows.map(shadowKey).sort()).toEqual(expected);
        expect(await got(ledger.driftCounts({ scope }))).toMatchObject({ fields: inside.length });
      });

      test('shadows come by thing, then name, the classic one first, and by prefix', async () => {
        const all = await everyPage((page) => ledger.shadows(page), 3);
        expect(all.map(shadowKey)).toEqual(['A-1', 'a-1', 'a-1/config', 'a-2', 'a-2/cool', 'b-1', 'b-1/config', 'b_1']);
        const some = await got(ledger.shadows({ limit: 10 }, { thingPrefix: 'b-' }));
        expect(some.items.map(shadowKey)).toEqual(['b-1', 'b-1/config']);
      });

      test.each([
        { pattern: 'a-*', fields: 4 },
        { pattern: '*-1', fields: 5 },
        { pattern: 'b_1', fields: 1 },
        { pattern: 'B-1', fields: 0 },
      ])('drift of things like $pattern', async ({ pattern, fields }) => {
        expect(await got(ledger.driftCounts({ thingPattern: pattern }))).toMatchObject({ fields });
      });

      test('the children of one request are found by it', async () => {
        const parentId = commandId(500);
        const children = [501, 502, 503].map((number) => aCommand(number, { parentId, ref: ref(`a-${number}`) }));
        await commit(ledger, ...children.map(stored));
        await commit(ledger, stored(next(children[0]!, { status: 'succeeded', endedAt: at(9) })));
        const ids = async (filter: CommandFilter) =>
          (await everyPage((page) => ledger.commands(filter, page), 2)).map(({ id }) => id);
        expect(await ids({ parentId })).toEqual([commandId(503), commandId(502), commandId(501)]);
        expect(await ids({ parentId, statuses: ['queued'], thingName: 'a-502' as ThingName })).toEqual([
          commandId(502),
        ]);
        expect(await ids({ parentId: commandId(1) })).toEqual([]);
      });
    });

    describe('events', () => {
      test('are every timeline entry in order, from any number on', async () => {
        const commands = Array.from({ length: 5 }, (_, index) => aCommand(index));
        await Promise.all(
          Array.from({ length: 40 }, (_, index) =>
            ledger.commit([line(aLine(commands[index % 5]!, { event: `step_${index}` }))]),
          ),
        );
        const { entries, oldest, newest } = await got(ledger.events(25, 10));
        expect(entries.map(({ sequence }) => sequence)).toEqual([26, 27, 28, 29, 30, 31, 32, 33, 34, 35]);
        expect(entries.map(({ event }) => event)).toEqual(entries.map((_, index) => `step_${index + 25}`));
        expect([oldest, newest]).toEqual([1, 40]);
        expect((await got(ledger.events(40, 10))).entries).toEqual([]);
        expect((await got((await under.reopen()).timeline(commands[3]!.id))).map(({ sequence }) => sequence)).toEqual([
          4, 9, 14, 19, 24, 29, 34, 39,
        ]);
      });
    });

    describe('drift', () => {
      const entries = [
        aDrift('heater-1', '/a', { firstSeenAt: at(30), flaps: 1, cause: 'offline', author: 'app' }),
        aDrift('heater-1', '/b', { firstSeenAt: at(10), flaps: 9, cause: 'refused', author: 'ops' }),
        aDrift('heater-1/config', '/a', { firstSeenAt: at(20), flaps: 1 }),
        aDrift('pump-1', '/a', { firstSeenAt: at(20), flaps: 0, cause: 'offline' }),
        aDrift('pump-2', '/a', { firstSeenAt: at(40), ignoredBy: { ruleId: 'r', reason: 'known' } }),
        aDrift('pump-3', '/a', { firstSeenAt: at(50), acknowledged: { by: 'ops', at: T0 } }),
      ];
      const seen = (list: readonly { firstSeenAt: EpochMs }[]): number[] =>
        list.map(({ firstSeenAt }) => firstSeenAt - T0);
      beforeEach(() =>
        commit(ledger, ...entries.map((entry) => ({ type: 'drift' as const, entry }))).then(() => undefined),
      );

      test.each<{ filter: DriftFilter; count: number }>([
        { filter: {}, count: 4 },
        { filter: { thingName: 'heater-1' as ThingName }, count: 3 },
        { filter: { thingPrefix: 'pump-' }, count: 1 },
        { filter: { thingPrefix: 'pump-', includeIgnored: true }, count: 2 },
        { filter: { thingPrefix: 'pump-', includeIgnored: true, includeAcknowledged: true }, count: 3 },
        { filter: { thingPrefix: 'h' }, count: 3 },
        { filter: { thingPrefix: '' }, count: 4 },
        { filter: { shadowName: null }, count: 3 },
        { filter: { shadowName: 'config' }, count: 1 },
        { filter: { field: entries[1]!.field }, count: 1 },
        { filter: { causes: ['offline', 'refused'] }, count: 3 },
        { filter: { causes: [] }, count: 0 },
        { filter: { author: 'ops' }, count: 1 },
        { filter: { firstSeenBefore: at(20) }, count: 1 },
        { filter: { ruleId: 'r', includeIgnored: true }, count: 1 },
        { filter: { ruleId: 'r', includeIgnored: true, thingPrefix: 'heater-' }, count: 0 },
        { filter: { ruleId: 'other', includeIgnored: true }, count: 0 },
        { filter: { ruleId: 'r' }, count: 0 },
      ])('with $filter lists and counts $count', async ({ filter, count }) => {
        for (const sort of ['oldest', 'newest', 'thing', 'flaps'] as const) {
          for (const limit of [1, 2, 100]) {
            const items = await everyPage((page) => ledger.drift({ ...filter, sort }, page), limit);
            expect(new Set(items.map((item) => JSON.stringify(item))).size).toBe(count);
            expect(items).toHaveLength(count);
          }
        }
        const counts = await got(ledger.driftCounts(filter));
        expect(counts.fields).toBe(count);
        expect(Object.values(counts.byCause).reduce((sum, each) => sum + each, 0)).toBe(count);
      });

      test('is sorted as asked', async () => {
        const list = async (sort: NonNullable<DriftFilter['sort']>) =>
          (await got(ledger.drift({ sort }, { limit: 9 }))).items;
        expect(seen(await list('oldest'))).toEqual([10, 20, 20, 30]);
        expect(seen(await list('newest'))).toEqual([30, 20, 20, 10]);
        expect((await list('flaps')).map(({ flaps }) => flaps)).toEqual([9, 1, 1, 0]);
        expect(seen(await list('thing'))).toEqual([30, 10, 20, 20]);
      });

      test('shows a page that was looked at as it is now', async () => {
        const flapsOf = async () =>
          (await got(ledger.drift({ sort: 'oldest' }, { limit: 9 }))).items.map((item) => item.flaps);
        expect(await flapsOf()).toEqual([9, 1, 0, 1]);
        const [, b] = entries;
        await commit(ledger, { type: 'drift', entry: { ...b!, flaps: 10 } });
        expect(await flapsOf()).toEqual([10, 1, 0, 1]);
        await commit(ledger, { type: 'drift_gone', ref: b!.ref, field: b!.field });
        await commit(ledger, { type: 'drift', entry: { ...b!, flaps: 11 } });
        expect(await flapsOf()).toEqual([11, 1, 0, 1]);
      });

      test('counts shadows, causes and what is hidden', async () => {
        expect(await got(ledger.driftCounts({}))).toEqual({
          fields: 4,
          shadows: 3,
          byCause: { offline: 2, refused: 1, stuck: 1 },
          ignored: 1,
          acknowledged: 1,
        });
        expect(await got(ledger.driftCounts({ thingPrefix: 'pump-' }))).toMatchObject({
          fields: 1,
          ignored: 1,
          acknowledged: 1,
        });
      });
    });

    test('counts of drift are those of its list, whatever came, changed and went', async () => {
      const causes = ['offline', 'refused', 'stuck'] as const;
      const change = fc.record({
        thing: fc.constantFrom('a', 'b'),
        field: fc.constantFrom('/x', '/y'),
        cause: fc.constantFrom(...causes),
        hours: fc.integer({ min: 0, max: 3 }),
        hidden: fc.constantFrom('ignored', 'acknowledged', 'gone', 'no', 'no'),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(change, { maxLength: 12 }), fc.integer({ min: 0, max: 4 }), async (steps, hours) => {
          for (const { thing, field, cause, hours: age, hidden } of steps) {
            const more = {
              ...(hidden === 'ignored' ? { ignoredBy: { ruleId: 'r', reason: 'x' } } : {}),
              ...(hidden === 'acknowledged' ? { acknowledged: { by: 'ops', at: T0 } } : {}),
            };
            const entry = aDrift(thing, field, { cause, firstSeenAt: at(age * 1_800_000), ...more });
            const gone = { type: 'drift_gone', ref: entry.ref, field: entry.field } as const;
            await commit(ledger, hidden === 'gone' ? gone : { type: 'drift', entry });
          }
          const instant = at(hours * 1_800_000 + 1);
          for (const filter of [{}, { includeIgnored: true }, { causes: ['refused'] }, { thingPrefix: '' }] as const) {
            const { items } = await got(ledger.drift(filter, { limit: 100 }));
            const counts = await got(ledger.driftCounts(filter, [instant]));
            expect(counts).toMatchObject({
              fields: items.length,
              shadows: new Set(items.map(({ ref: { thingName } }) => thingName)).size,
              olderThan: [items.filter(({ firstSeenAt }) => firstSeenAt < instant).length],
            });
            for (const cause of causes) {
              expect(counts.byCause[cause] ?? 0).toBe(items.filter((item) => item.cause === cause).length);
            }
          }
        }),
        { numRuns: 30 },
      );
    });

    describe('prune', () => {
      const ended = (number: number, more = {}) =>
        aCommand(number, { status: 'succeeded', endedAt: at(1_000 + number), ...more });

      test('takes ended commands away oldest first, in batches, with all that belongs to them', async () => {
        const commands = Array.from({ length: 25 }, (_, index) => ended(index));
        for (const command of commands) {
          await commit(
            ledger,
            stored(command),
            line(aLine(command)),
            { type: 'write', write: aWrite(Number(command.createdAt - T0), { state: 'accepted' }) },
            { type: 'idempotency', record: aRecord(`key ${command.id}`, command) },
          );
        }
        const open = aCommand(500);
        await commit(ledger, stored(open), line(aLine(open)), { type: 'idempotency', record: aRecord('open', open) });
        expect(await got(ledger.prune(at(1_020), 8))).toBe(8);
        expect(await got(ledger.command(commandId(7)))).toBeUndefined();
        expect(await got(ledger.command(commandId(8)))).toEqual(commands[8]);
        expect(await got(ledger.prune(at(1_020), 8))).toBe(8);
        expect(await got(ledger.prune(at(1_020), 8))).toBe(4);
        expect(await got(ledger.prune(at(1_020), 8))).toBe(0);
        const kept = await everyPage((page) => ledger.commands({}, page), 10);
        expect(kept.map(({ id }) => id)).toEqual([500, 24, 23, 22, 21, 20].map(commandId));
        expect(await got(ledger.timeline(commandId(19)))).toEqual([]);
        expect(await got(ledger.idempotency(`key ${commandId(19)}`))).toBeUndefined();
        expect(await got(ledger.write(tokenOf(aWrite(19).id)))).toBeUndefined();
        expect(await got(ledger.write(tokenOf(aWrite(20).id)))).toBeDefined();
        expect(await got(ledger.idempotency('open'))).toBeDefined();
      });

      test('never gives a number of the timeline twice, and says from where on it is whole', async () => {
        const [kept, gone] = [aCommand(1), ended(2)];
        await commit(ledger, stored(kept), line(aLine(kept)), stored(gone), line(aLine(gone)), line(aLine(gone)));
        await got(ledger.prune(at(1e6), 10));
        for (const restarted of [false, true]) {
          const each = restarted ? await under.reopen() : ledger;
          expect(await got(each.events(0, 10))).toMatchObject({ entries: [{ sequence: 1 }], oldest: 4, newest: 3 });
        }
        const again = await under.reopen();
        expect(await commit(again, line(aLine(kept)))).toEqual({ firstSequence: 4 });
        expect((await got(again.events(3, 10))).entries.map(({ sequence }) => sequence)).toEqual([4]);
      });

      test('leaves what somebody still has to look at or the engine still has to do', async () => {
        const held = ended(1, { status: 'failed' });
        const notYet = ended(2, { status: 'failed', endResult: 'not_yet' });
        const open = aCommand(3);
        await commit(ledger, ...[held, notYet, open].map(stored), {
          type: 'drift',
          entry: aDrift('heater-1', '/a', { endedCommandId: held.id }),
        });
        expect(await got(ledger.prune(at(1e9), 10))).toBe(0);
        await commit(
          ledger,
          {
            type: 'drift',
            entry: aDrift('heater-1', '/a', { endedCommandId: held.id, acknowledged: { by: 'ops', at: T0 } }),
          },
          stored(next(notYet, { endResult: 'restored' })),
        );
        expect(await got(ledger.prune(at(1e9), 10))).toBe(2);
      });

      test('a write goes with the last of its commands', async () => {
        await commit(ledger, stored(ended(1)), stored(ended(2)), {
          type: 'write',
          write: aWrite(1, { commandIds: [commandId(1), commandId(2)], state: 'accepted' }),
        });
        await got(ledger.prune(at(1e6), 1));
        expect(await got(ledger.write(tokenOf(aWrite(1).id)))).toBeDefined();
        await got(ledger.prune(at(1e6), 1));
        expect(await got(ledger.write(tokenOf(aWrite(1).id)))).toBeUndefined();
      });
    });

    describe('close', () => {
      test('keeps what was asked for before, refuses what comes after, and may be called twice', async () => {
        const before = ledger.commit([stored(aCommand(1))]);
        await Promise.all([ledger.close(), ledger.close()]);
        expect(await before).toMatchObject({ ok: true });
        expect(await code(ledger.commit([stored(aCommand(2))]))).toBe('ledger_unavailable');
        expect(await ledger.health()).toMatchObject({ state: 'unavailable' });
        const reopened = await under.reopen();
        expect(await got(reopened.command(commandId(1)))).toBeDefined();
        expect(await got(reopened.command(commandId(2)))).toBeUndefined();
      });
    });
  });
}
