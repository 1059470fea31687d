import { defineConfig } from 'vitest/config';

// The long counts: kills, hostile payloads, seeds. Each file prints what it counted.
export default defineConfig({
  test: {
    include: ['test/torture/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 3_600_000,
    hookTimeout: 60_000,
    disableConsoleIntercept: true,
  },
});
