import { chmodSync, lstatSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JsonFileAdapter } from '../../../src/adapters/json-file/json-file-adapter.ts';
import { SystemClock } from '../../../src/adapters/system/clock.ts';
import { SILENT } from '../../../src/ports/log.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { field } from '../../support/test-device.ts';

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const signal = new AbortController().signal;
const INTERVAL = field('/interval');

function adapter(text?: string): JsonFileAdapter {
  if (text !== undefined) writeFileSync(folder.path('app.json'), text);
  const fields = new Map([
    [INTERVAL, field('/logging/intervalSeconds')],
    [field('/level'), field('/logging/level')],
  ]);
  return new JsonFileAdapter({
    name: 'app',
    file: folder.path('app.json'),
    fields,
    clock: new SystemClock(),
    log: SILENT,
  });
}

const text = (): string => readFileSync(folder.path('app.json'), 'utf8');

test('a field is what stands at its place in the file; a missing place has no value', async () => {
  const read = await adapter('{"logging":{"intervalSeconds":60}}').read();
  expect(read).toEqual([
    { field: '/interval', value: 60 },
    { field: '/level', value: null },
  ]);
});

test('a change touches its place only, and keeps indentation, mode and last line feed', async () => {
  const file = adapter('{\n    "name": "x",\n    "logging": {\n        "intervalSeconds": 60\n    }\n}\n');
  chmodSync(folder.path('app.json'), 0o640);
  const result = await file.apply([{ field: INTERVAL, value: 30 }], signal);
  expect(result).toEqual([{ field: '/interval', result: 'applied' }]);
  expect(text()).toBe('{\n    "name": "x",\n    "logging": {\n        "intervalSeconds": 30\n    }\n}\n');
  expect(statSync(folder.path('app.json')).mode & 0o777).toBe(0o640);
});

test('a file behind a symbolic link is replaced, the link stays', async () => {
  writeFileSync(folder.path('real.json'), '{"logging":{}}');
  symlinkSync(folder.path('real.json'), folder.path('app.json'));
  await adapter().apply([{ field: INTERVAL, value: 5 }], signal);
  expect(lstatSync(folder.path('app.json')).isSymbolicLink()).toBe(true);
  expect(readFileSync(folder.path('real.json'), 'utf8')).toBe('{"logging":{"intervalSeconds":5}}');
});

test.each([
  ['no JSON', '{"logging":', 'malformed_file'],
  ['no object', '[1]', 'malformed_file'],
  ['empty', '', 'malformed_file'],
])('a file that is %s makes its fields unreadable and is never overwritten', async (_case, content, code) => {
  const file = adapter(content);
  expect(await file.read()).toMatchObject([{ unreadable: { code } }, { unreadable: { code } }]);
  expect(await file.apply([{ field: INTERVAL, value: 1 }], signal)).toMatchObject([{ result: 'failed', code }]);
  expect(text()).toBe(content);
});

test('a missing file is said to be missing and is not created', async () => {
  const file = adapter();
  expect(await file.read()).toMatchObject([{ unreadable: { code: 'file_missing' } }, {}]);
  await file.apply([{ field: INTERVAL, value: 1 }], signal);
  expect(() => text()).toThrow('ENOENT');
});

test('a place below something that is no object is refused', async () => {
  const file = adapter('{"logging":"off"}');
  expect(await file.apply([{ field: INTERVAL, value: 1 }], signal)).toMatchObject([
    { result: 'refused', code: 'not_settable' },
  ]);
  expect(text()).toBe('{"logging":"off"}');
});

test('a change by hand is noticed, whether the file was written or replaced; our own is not', async () => {
  const file = adapter('{"logging":{"intervalSeconds":60}}');
  let calls = 0;
  const cancel = file.watch(() => void (calls += 1));
  writeFileSync(folder.path('app.json'), '{"logging":{"intervalSeconds":61}}');
  await eventually(() => calls === 1);
  writeFileSync(folder.path('new.json'), '{"logging":{"intervalSeconds":62}}');
  renameSync(folder.path('new.json'), folder.path('app.json'));
  await eventually(() => calls === 2);
  await file.apply([{ field: INTERVAL, value: 63 }], signal);
  writeFileSync(folder.path('marker.json'), '{}');
  // Another change by hand comes through, and is the only one that does.
  await new Promise((resolve) => setTimeout(resolve, 150));
  writeFileSync(folder.path('app.json'), '{"logging":{"intervalSeconds":64}}');
  await eventually(() => calls >= 3);
  expect(calls).toBe(3);
  cancel();
});
