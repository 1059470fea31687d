import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { VERDICT_OF } from '../../src/core/command/command.ts';

const text = readFileSync('docs/COMMANDS.md', 'utf8');

test('every status is explained with its verdict', () => {
  for (const [status, verdict] of Object.entries(VERDICT_OF)) expect(text).toContain(`| \`${status}\` | ${verdict} |`);
});

test('every file the page names is there', () => {
  const named = [...text.matchAll(/`((?:test|src)\/[\w./-]+\.ts)`/g)].map(([, path]) => path ?? '');

  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((path) => !existsSync(path))).toEqual([]);
});

test('every invariant names the tests that hold it', () => {
  const invariants = text.split(/\n(?=\d+\. \*\*)/).slice(1);

  expect(invariants.length).toBeGreaterThan(15);
  expect(invariants.filter((invariant) => !/test\/[\w./-]+\.test\.ts/.test(invariant))).toEqual([]);
});
