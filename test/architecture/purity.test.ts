import { describe, expect, test } from 'vitest';
import { namesIn, sourcesUnder } from './sources.ts';

const TIME_AND_CHANCE =
  /^(?:Date\.now|new Date\(\)|Math\.random|performance\.\w+|process\.\w+|set(?:Timeout|Interval|Immediate))$/m;
const PROMISES = /^(?:await|async|Promise(?:\.\w+)?)$/m;

describe('purity', () => {
  test.each([
    {
      what: 'time, chance or environment',
      folders: ['src/core', 'src/protocol', 'src/ports', 'src/device', 'src/cloud'],
      pattern: TIME_AND_CHANCE,
    },
    { what: 'promises', folders: ['src/core', 'src/protocol'], pattern: PROMISES },
  ])('$folders hold no $what of their own', ({ folders, pattern }) => {
    const inFolders = sourcesUnder('src').filter(({ path }) => folders.some((folder) => path.startsWith(`${folder}/`)));
    const impure = inFolders.filter((source) => pattern.test(namesIn(source)));
    expect(impure.map(({ path }) => path)).toEqual([]);
  });

  test('no module holds state of its own', () => {
    const stateful = sourcesUnder('src', 'simulators').filter(({ text }) => /^(?:export )?(?:let|var) /m.test(text));
    expect(stateful.map(({ path }) => path)).toEqual([]);
  });

  test('nothing is exported by default, and no file hides from the type checker', () => {
    const escapes = sourcesUnder('src', 'simulators').filter(({ text }) =>
      /^export default|@ts-(?:ignore|nocheck)/m.test(text),
    );
    expect(escapes.map(({ path }) => path)).toEqual([]);
  });
});
