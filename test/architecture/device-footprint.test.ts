import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** Everything that a module loads when it is imported, by following static imports through our own sources. */
function reachable(entry: string): { own: Set<string>; packages: Set<string> } {
  const own = new Set<string>();
  const packages = new Set<string>();
  const waiting = [entry];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (own.has(path)) continue;
    own.add(path);
    for (const { target, typeOnly } of importsOf(readFileSync(path, 'utf8'), path)) {
      if (typeOnly) continue;
      if (target.startsWith('src/') || target.startsWith('simulators/')) waiting.push(target);
      else packages.add(target);
    }
  }
  return { own, packages };
}

function importsOf(text: string, path: string): { target: string; typeOnly: boolean }[] {
  const found: { target: string; typeOnly: boolean }[] = [];
  const pattern = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
  for (const [, type, target = ''] of text.matchAll(pattern)) {
    const resolved = target.startsWith('.') ? new URL(target, `file:///${path}`).pathname.slice(1) : target;
    found.push({ target: resolved, typeOnly: type !== undefined });
  }
  return found;
}

test('importing the device loads neither server nor store nor simulators', () => {
  const { own, packages } = reachable('src/device/index.ts');

  const layers = new Set([...own].map((path) => path.split('/').slice(0, 2).join('/')));
  expect([...layers].sort()).toEqual(['src/core', 'src/device', 'src/ports', 'src/protocol']);
  expect([...packages].sort()).toEqual(['ajv/dist/2020.js', 'zod']);
});

test('composing a device adds the MQTT client and files, and still no server, store or simulator', () => {
  const { own, packages } = reachable('src/compose-device.ts');

  const foreign = [...own].filter((path) =>
    /^(src\/(cloud|http|cli|report|console)|simulators|src\/adapters\/sqlite)/.test(path),
  );
  expect(foreign).toEqual([]);
  for (const heavy of ['better-sqlite3', 'fastify', 'aedes', 'prom-client', 'commander']) {
    expect([...packages].filter((name) => name.startsWith(heavy))).toEqual([]);
  }
});

test('importing the client loads nothing of the server: some problem codes, and itself', () => {
  const { own, packages } = reachable('src/client/index.ts');

  const foreign = [...own].filter((path) => !path.startsWith('src/client/'));
  expect(foreign.sort()).toEqual(['src/core/problem.ts', 'src/core/result.ts']);
  expect([...packages]).toEqual([]);
});
