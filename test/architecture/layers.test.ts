import { describe, expect, test } from 'vitest';
import { sourcesUnder, type SourceFile } from './sources.ts';

/** One direction of dependency. `node` stands for every `node:` module. A layer is the longest key that a path starts with. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/core': ['src/core', 'immer', 'fast-json-patch'],
  'src/protocol': ['src/core', 'src/protocol', 'zod', 'ajv'],
  'src/ports': ['src/core', 'src/ports'],
  'src/device': ['src/core', 'src/protocol', 'src/ports', 'src/device'],
  'src/cloud': ['src/core', 'src/protocol', 'src/ports', 'src/cloud'],
  'src/report': ['src/core', 'src/report'],
  'src/adapters': ['src/core', 'src/protocol', 'src/ports', 'src/adapters', 'node', 'zod'],
  'src/http': [
    'src/core',
    'src/protocol',
    'src/ports',
    'src/cloud',
    'src/report',
    'src/http',
    'fastify',
    'zod',
    'node',
  ],
  // Of http the types of the views only; no server code reaches a client.
  'src/client': ['src/core', 'src/client', 'src/http'],
  'src/cli': ['src', 'simulators', 'commander', 'picocolors', 'zod', 'node'],
  'src/console': ['src/console', 'src/core', 'src/report', 'src/http/views', 'src/client', 'preact', '@preact/signals'],
  'src/compose': ['src', 'node', 'zod'],
  'src/index.ts': ['src'],
  simulators: ['src', 'simulators', 'node', 'zod'],
};

/** Heavy packages have one home each. */
const ONLY_IN: Readonly<Record<string, string>> = {
  'aws-iot-device-sdk-v2': 'src/adapters/aws-iot/',
  'aws-crt': 'src/adapters/aws-iot/',
  'better-sqlite3': 'src/adapters/sqlite/',
  pino: 'src/adapters/pino/',
  jose: 'src/adapters/jose/',
  'prom-client': 'src/adapters/metrics/',
  'fast-json-patch': 'src/core/json/json-patch.ts',
  fastify: 'src/http/',
  preact: 'src/console/',
  '@preact/signals': 'src/console/',
  commander: 'src/cli/',
  aedes: 'simulators/broker/',
  '@peculiar/x509': 'simulators/access/',
  'reflect-metadata': 'simulators/access/',
};

const sources = sourcesUnder('src', 'simulators');

function layerOf({ path }: SourceFile): string {
  const [layer] = Object.keys(MAY_IMPORT)
    .filter((key) => path.startsWith(key))
    .sort((left, right) => right.length - left.length);
  return layer ?? 'none';
}

function allowed(target: string, list: readonly string[]): boolean {
  if (target in ONLY_IN) return true; // the next test's business
  return list.some((entry) =>
    entry === 'node' ? target.startsWith('node:') : target === entry || target.startsWith(`${entry}/`),
  );
}

describe('layers', () => {
  test('every source file belongs to one', () => {
    expect(sources.filter((source) => layerOf(source) === 'none').map(({ path }) => path)).toEqual([]);
  });

  test.each(Object.entries(MAY_IMPORT))('%s imports only what is below it', (layer, list) => {
    const broken = sources
      .filter((source) => layerOf(source) === layer)
      .flatMap(({ path, imports }) =>
        imports.filter(({ target }) => !allowed(target, list)).map(({ target }) => `${path} → ${target}`),
      );
    expect(broken).toEqual([]);
  });

  test.each(Object.entries(ONLY_IN))('%s is imported only in %s', (name, home) => {
    const strays = sources.filter(
      ({ path, imports }) => !path.startsWith(home) && imports.some(({ target }) => target === name),
    );
    expect(strays.map(({ path }) => path)).toEqual([]);
  });

  test('src reaches the simulators only by dynamic import in src/cli', () => {
    const strays = sources
      .filter(({ path }) => path.startsWith('src/'))
      .flatMap(({ path, imports }) =>
        imports
          .filter(
            ({ target, dynamic }) => target.startsWith('simulators/') && !(dynamic && path.startsWith('src/cli/')),
          )
          .map(({ target }) => `${path} → ${target}`),
      );
    expect(strays).toEqual([]);
  });

  const SHARED_BY_ADAPTERS = [
    // How a connection is kept is one policy, over the SDK's links and the simulated one.
    'src/adapters/mqtt',
    // Whether a process still runs is one answer, for the journal's lock and for programs that outlived their agent.
    'src/adapters/process',
  ];

  test('adapters do not know each other', () => {
    const folder = (path: string) => path.split('/').slice(0, 3).join('/');
    const strays = sources
      .filter(({ path }) => path.startsWith('src/adapters/'))
      .flatMap(({ path, imports }) =>
        imports
          .filter(
            ({ target }) =>
              target.startsWith('src/adapters/') && ![folder(path), ...SHARED_BY_ADAPTERS].includes(folder(target)),
          )
          .map(({ target }) => `${path} → ${target}`),
      );
    expect(strays).toEqual([]);
  });

  test('no file imports in a circle', () => {
    const graph = new Map(
      sources.map(({ path, imports }) => [path, imports.filter(({ dynamic }) => !dynamic).map(({ target }) => target)]),
    );
    expect(circlesIn(graph)).toEqual([]);
  });
});

/** Depth-first; each circle once, as the path that closes it. Types count too: a circle of types is a layout nobody can explain. */
function circlesIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const finished = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      return;
    }
    if (finished.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    finished.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return circles;
}
