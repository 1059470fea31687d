import { chmodSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SimulatedHardware } from '../../simulators/devices/hardware.ts';
import { KINDS } from '../../simulators/devices/kinds.ts';
import { describeStateAdapter, type AdapterUnderTest } from '../../simulators/devices/state-adapter-contract.ts';
import { SeededRandom } from '../../simulators/time/seeded-random.ts';
import { ProgramRegister } from '../../src/adapters/exec/program-register.ts';
import { ExecAdapter } from '../../src/adapters/exec/exec-adapter.ts';
import { JsonFileAdapter } from '../../src/adapters/json-file/json-file-adapter.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { SILENT } from '../../src/ports/log.ts';
import type { StateAdapter } from '../../src/ports/state-adapter.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { field, TestHardware } from '../support/test-device.ts';

const clock = new SystemClock();
const random = new SeededRandom(1);

const hardware = (
  kind: keyof typeof KINDS,
  takes: AdapterUnderTest['takes'],
  refuses: AdapterUnderTest['refuses'] = {},
) =>
  describeStateAdapter({ describe, test }, `simulated ${kind}`, () => {
    const adapter = new SimulatedHardware({ spec: KINDS[kind], clock, random });
    return { adapter, takes, refuses, turn: (name, value) => adapter.turn(name, value) };
  });

hardware('heater', { '/targetC': [21, 22.5], '/mode': ['off', 'auto'] }, { '/targetC': 50, '/fanSpeed': 9 });
hardware('bulb', { '/on': [true, false], '/brightness': [10, 20] }, { '/brightness': 101 });
hardware('lock', { '/locked': [false, true] });
hardware('motor', { '/rpm': [500, 900], '/direction': ['reverse', 'forward'] }, { '/rpm': 2_000 });

describeStateAdapter({ describe, test }, 'json-file', () => {
  const folder = temporaryFolder();
  const file = folder.path('app.json');
  const text = (value: unknown): void => writeFileSync(file, JSON.stringify({ a: { b: value }, c: 1 }));
  text(0);
  const fields = new Map([
    [field('/b'), field('/a/b')],
    [field('/c'), field('/c')],
  ]);
  return {
    adapter: new JsonFileAdapter({ name: 'app', file, fields, clock, log: SILENT }),
    takes: { '/b': [{ x: [1, 2] }, 'text'], '/c': [2, 3] },
    turn: (_name, value) => text(value),
    close: () => folder.remove(),
  };
});

describeStateAdapter({ describe, test }, 'exec', () => {
  const folder = temporaryFolder();
  const script = (name: string, body: string): void => {
    writeFileSync(folder.path(name), `#!/bin/sh\n${body}\n`);
    chmodSync(folder.path(name), 0o755);
  };
  script('read', 'cat value');
  script('apply', 'read v; [ "$v" = 13 ] && { echo unlucky >&2; exit 65; }; echo "$v" > value');
  writeFileSync(folder.path('value'), '0');
  return {
    adapter: new ExecAdapter({
      name: 'n',
      field: field('/n'),
      read: ['./read'],
      apply: ['./apply'],
      timeoutMs: 2_000,
      directory: folder.path(''),
      env: { PATH: process.env['PATH'] },
      clock,
      register: new ProgramRegister({ directory: folder.path('programs'), clock, log: SILENT }),
    }),
    takes: { '/n': [1, 2] },
    refuses: { '/n': 13 },
    close: () => folder.remove(),
  };
});

/** The suite itself: it must see each of these. */
const LIARS: readonly [string, string, () => StateAdapter][] = [
  [
    'what was applied is what is read',
    'does nothing and says done',
    () => {
      const adapter = new TestHardware({ '/a': 0 });
      adapter.obey = (change) => ({ field: change.field, result: 'applied' });
      return adapter;
    },
  ],
  [
    'an abort ends an apply',
    'ignores an abort',
    () => {
      const adapter = new TestHardware({ '/a': 0 });
      adapter.obey = () => new Promise(() => undefined);
      return adapter;
    },
  ],
  [
    'a reading tells every field once, as JSON that a shadow can hold',
    'leaves a field out',
    () => {
      const adapter = new TestHardware({ '/a': 0 });
      adapter.read = () => Promise.resolve([]);
      return adapter;
    },
  ],
  [
    'its fields are JSON Pointers that do not overlap',
    'has overlapping fields',
    () => new TestHardware({ '/a': 0, '/a/b': 0 }),
  ],
];

test.each(LIARS)('"%s" fails for an adapter that %s', async (title, _what, create) => {
  const bodies = new Map<string, () => Promise<void>>();
  const api = {
    describe: (_name: string, body: () => void) => body(),
    test: (name: string, body: () => Promise<void>) => void bodies.set(name, body),
  };
  describeStateAdapter(api, 'liar', () => ({ adapter: create(), takes: { '/a': [1, 2] } }));
  await expect(bodies.get(title)?.()).rejects.toThrow();
});
