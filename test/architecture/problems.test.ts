import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PROBLEMS } from '../../src/core/problem.ts';

const page = readFileSync('docs/PROBLEMS.md', 'utf8');

test('docs/PROBLEMS.md explains every problem code and no other', () => {
  const explained = [...page.matchAll(/^### `([a-z_]+)`$/gm)].map(([, code]) => code).sort();
  expect(explained).toEqual(Object.keys(PROBLEMS).sort());
});

test('each explanation says what happened and what to do', () => {
  const thin = page
    .split(/^### /m)
    .slice(1)
    .filter((section) => !section.includes('What to do') || section.length < 120)
    .map((section) => section.split('\n')[0]);
  expect(thin).toEqual([]);
});
