import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AccessRule } from '../../../../src/core/access/access.ts';
import { ACCESS_ACTIONS } from '../../../../src/core/access/access.ts';
import { decide, inScope, resolveRules, scopeOf } from '../../../../src/core/access/decide.ts';
import { fitsPattern } from '../../../../src/core/access/pattern.ts';
import type { FieldPointer, ShadowName, ThingName } from '../../../../src/core/brand.ts';
import { directRef } from '../../../../src/core/direct/place.ts';
import type { ShadowRef } from '../../../../src/core/shadow/shadow-ref.ts';

const ref = (thing: string, shadow?: string): ShadowRef =>
  shadow === undefined
    ? { thingName: thing as ThingName }
    : { thingName: thing as ThingName, shadowName: shadow as ShadowName };
const fields = (...pointers: string[]) => pointers as FieldPointer[];

describe('one decision', () => {
  const heating: AccessRule[] = [
    { effect: 'allow', actions: ['look', 'command'], things: ['room-*'] },
    { effect: 'deny', actions: ['command'], things: ['*'], fields: ['/lock', '/climate/limit', '/zones/*/secret'] },
  ];

  test.each([
    { asks: 'an allowed field', of: fields('/climate/targetC'), forbidden: [] },
    { asks: 'a denied field', of: fields('/lock'), forbidden: ['/lock'] },
    { asks: 'below a denied field', of: fields('/lock/front'), forbidden: ['/lock/front'] },
    { asks: 'a section around a denied field', of: fields('/climate'), forbidden: ['/climate'] },
    { asks: 'a field that only starts alike', of: fields('/locker'), forbidden: [] },
    {
      asks: 'any key where the rule says *',
      of: fields('/zones/a/secret', '/zones/a/t'),
      forbidden: ['/zones/a/secret'],
    },
    { asks: 'all of a section with such keys', of: fields('/zones'), forbidden: ['/zones'] },
    { asks: 'an escaped slash', of: fields('/climate~1limit'), forbidden: [] },
  ])('$asks: one forbidden field forbids all and is named', ({ of, forbidden }) => {
    const decision = decide(heating, { action: 'command', ref: ref('room-1'), fields: of });
    expect(decision).toEqual(forbidden.length === 0 ? { allowed: true } : { allowed: false, visible: true, forbidden });
  });

  test('an allow rule for a field does not allow the section around it', () => {
    const rules: AccessRule[] = [
      { effect: 'allow', actions: ['command'], things: ['*'], fields: ['/climate/targetC'] },
    ];
    const ask = (...of: string[]) => decide(rules, { action: 'command', ref: ref('a'), fields: fields(...of) });
    expect(ask('/climate/targetC').allowed).toBe(true);
    expect(ask('/climate')).toEqual({ allowed: false, visible: true, forbidden: ['/climate'] });
    expect(ask('/climate/targetC', '/fan', '/lock')).toMatchObject({ forbidden: ['/fan', '/lock'] });
  });

  test('what is outside every rule is not even visible', () => {
    expect(decide(heating, { action: 'look', ref: ref('lab-1') })).toEqual({
      allowed: false,
      visible: false,
      forbidden: [],
    });
    expect(decide(heating, { action: 'operate', ref: ref('room-1') })).toMatchObject({ allowed: false, visible: true });
    expect(decide([], { action: 'observe' }).allowed).toBe(false);
  });

  test.each([
    { shadows: ['(classic)'], of: ref('a'), allowed: true },
    { shadows: ['(classic)'], of: ref('a', 'config'), allowed: false },
    { shadows: ['conf*'], of: ref('a', 'config'), allowed: true },
    { shadows: ['conf*'], of: ref('a'), allowed: false },
    { shadows: ['*'], of: ref('a'), allowed: true },
    { shadows: undefined, of: ref('a', 'x'), allowed: true },
  ])('shadows $shadows and $of: $allowed', ({ shadows, of, allowed }) => {
    const rule: AccessRule = { effect: 'allow', actions: ['look'], things: ['*'], ...(shadows ? { shadows } : {}) };
    expect(decide([rule], { action: 'look', ref: of }).allowed).toBe(allowed);
  });
});

describe('rules for direct commands', () => {
  const allow = (more: Partial<AccessRule>): AccessRule => ({
    ...{ effect: 'allow', actions: ['command'], things: ['door-*'] },
    ...more,
  });
  const all = allow({ things: ['*'] });
  const deny = (more: Partial<AccessRule>): AccessRule => ({ ...all, effect: 'deny', ...more });

  test.each([
    { says: 'a named command', rules: [allow({ commands: ['unlock'] })], may: ['unlock'] },
    { says: 'a pattern of names', rules: [allow({ commands: ['*lock'] })], may: ['unlock', 'lock'] },
    { says: 'neither commands nor fields', rules: [all], may: ['unlock', 'lock', 'reset', '/x', '/y'] },
    { says: 'only fields', rules: [allow({ fields: ['/x'] })], may: ['/x'] },
    { says: 'commands and fields', rules: [allow({ commands: ['lock'], fields: ['/x'] })], may: ['lock', '/x'] },
    { says: 'all but a command', rules: [all, deny({ commands: ['reset'] })], may: ['unlock', 'lock', '/x', '/y'] },
    { says: 'all but a field', rules: [all, deny({ fields: ['/y'] })], may: ['unlock', 'lock', 'reset', '/x'] },
    { says: 'all but everything', rules: [all, deny({})], may: [] },
    { says: 'the place of commands', rules: [allow({ shadows: ['(direct)'] })], may: ['unlock', 'lock', 'reset'] },
    { says: 'the classic shadow', rules: [allow({ shadows: ['(classic)'] })], may: ['/x', '/y'] },
    { says: 'other things', rules: [allow({ things: ['gate-*'], commands: ['*'] })], may: [] },
    { says: 'to look only', rules: [allow({ actions: ['look'], commands: ['*'] })], may: [] },
    { says: 'no command at all', rules: [allow({ commands: [] })], may: [] },
  ])('a role that says $says may $may', ({ rules, may }) => {
    const door = 'door-1' as ThingName;
    const commands = ['unlock', 'lock', 'reset'].filter(
      (command) => decide(rules, { action: 'command', ref: directRef(door), command }).allowed,
    );
    const written = fields('/x', '/y').filter(
      (field) => decide(rules, { action: 'command', ref: { thingName: door }, fields: [field] }).allowed,
    );
    expect([...commands, ...written]).toEqual(may);
  });
});

describe('variables in patterns', () => {
  const rules: AccessRule[] = [
    { effect: 'allow', actions: ['look'], things: ['${tenant}-*'] },
    { effect: 'deny', actions: ['look'], things: ['${lab}-*'] },
  ];

  test('are filled in as literal text', () => {
    const [allow] = resolveRules(rules, { tenant: 'a', lab: 'b' });
    expect(allow?.things).toEqual(['a-*']);
  });

  test('A-11: one that is missing allows nothing and denies everything', () => {
    expect(resolveRules(rules, {}).map(({ things }) => things)).toEqual([[], ['*']]);
    expect(resolveRules(rules, { tenant: '' }).map(({ things }) => things)[0]).toEqual([]);
    expect(resolveRules(rules, Object.create({ tenant: 'a' }) as Record<string, string>)[0]?.things).toEqual([]);
  });

  test.each(['*', 'a*', '?', '$', 'a/b', 'a b', '${tenant}', '..'])(
    'A-12: a value like %j widens nothing, the pattern then fits nothing',
    (tenant) => expect(resolveRules(rules, { tenant })[0]?.things).toEqual([]),
  );
});

describe('patterns', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '-', ':'), maxLength: 12 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '-', '*'), maxLength: 8 });

  test('A-10: `*` stands for any characters, and every other one is itself', () => {
    const oracle = (glob: string) => new RegExp(`^${glob.replaceAll('*', '.*')}$`);
    fc.assert(
      fc.property(
        pattern,
        text,
        (glob, name) => fitsPattern({ pattern: glob, text: name }) === oracle(glob).test(name),
      ),
      { numRuns: 2_000 },
    );
  });

  test('C-21: the worst pattern for a backtracking matcher is linear work', () => {
    expect(fitsPattern({ pattern: '*a'.repeat(60), text: `${'a'.repeat(100_000)}b` })).toBe(false);
  });
});

const names = fc.constantFrom('a', 'ab', 'room-1', 'room-2', 'lab-1');
const glob = fc.constantFrom('*', 'a*', 'room-*', 'room-1', 'lab-*', '*1');
const pointer = fc.constantFrom('/a', '/a/b', '/a/b/c', '/lock', '/lock/x', '/*', '/*/b');
const anyRule: fc.Arbitrary<AccessRule> = fc
  .record({
    effect: fc.constantFrom('allow' as const, 'deny' as const),
    actions: fc.uniqueArray(fc.constantFrom(...ACCESS_ACTIONS), { minLength: 1 }),
    things: fc.array(glob, { maxLength: 2 }),
    shadows: fc.option(fc.array(fc.constantFrom('*', '(classic)', 'config', 'c*'), { maxLength: 2 }), {
      nil: undefined,
    }),
    fields: fc.option(fc.array(pointer, { maxLength: 2 }), { nil: undefined }),
  })
  .map(({ shadows, fields: list, ...rule }) => ({
    ...rule,
    ...(shadows === undefined ? {} : { shadows }),
    ...(list === undefined ? {} : { fields: list, actions: ['command' as const] }),
  }));
const rules = fc.array(anyRule, { maxLength: 6 });
const question = fc.record({
  action: fc.constantFrom(...ACCESS_ACTIONS),
  ref: fc.tuple(names, fc.constantFrom(undefined, 'config', 'x')).map(([thing, shadow]) => ref(thing, shadow)),
  fields: fc.uniqueArray(fc.constantFrom('/a', '/a/b', '/a/b/c', '/lock', '/z') as fc.Arbitrary<FieldPointer>),
});

describe('properties of the decision', () => {
  test('without an allow rule nothing is allowed', () => {
    fc.assert(
      fc.property(rules, question, (list, asked) => {
        const denies = list.filter(({ effect }) => effect === 'deny');
        return !decide(denies, asked).allowed;
      }),
    );
  });

  test('adding a deny rule never allows anything', () => {
    fc.assert(
      fc.property(rules, anyRule, question, (list, extra, asked) => {
        const before = decide(list, asked).allowed;
        const after = decide([...list, { ...extra, effect: 'deny' }], asked).allowed;
        return before || !after;
      }),
      { numRuns: 2_000 },
    );
  });

  test('adding an allow rule never forbids anything', () => {
    fc.assert(
      fc.property(rules, anyRule, question, (list, extra, asked) => {
        const before = decide(list, asked).allowed;
        return !before || decide([...list, { ...extra, effect: 'allow' }], asked).allowed;
      }),
      { numRuns: 2_000 },
    );
  });

  test('the order of rules does not matter', () => {
    fc.assert(
      fc.property(rules, question, (list, asked) => {
        expect(decide([...list].reverse(), asked)).toEqual(decide(list, asked));
      }),
    );
  });

  test('fields together are allowed exactly if each is allowed alone', () => {
    fc.assert(
      fc.property(rules, question, (list, asked) => {
        const together = decide(list, asked);
        const alone = asked.fields.filter((field) => !decide(list, { ...asked, fields: [field] }).allowed);
        if (asked.fields.length === 0) return;
        expect(together.allowed).toBe(alone.length === 0);
      }),
      { numRuns: 2_000 },
    );
  });

  test('removing or replacing a section needs the right to every field below it', () => {
    fc.assert(
      fc.property(rules, question, fc.constantFrom('/a/b', '/a/b/c', '/a/q'), (list, asked, below) => {
        const section = decide(list, { ...asked, action: 'command', fields: ['/a' as FieldPointer] });
        const inside = decide(list, { ...asked, action: 'command', fields: [below as FieldPointer] });
        return !section.allowed || inside.allowed;
      }),
      { numRuns: 2_000 },
    );
  });

  test('a scope holds exactly the shadows on which the action is allowed', () => {
    fc.assert(
      fc.property(rules, question, (list, { action, ref: one }) => {
        expect(inScope(scopeOf(list, action), one)).toBe(decide(list, { action, ref: one }).allowed);
      }),
      { numRuns: 2_000 },
    );
  });
});
