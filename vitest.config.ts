import { defineConfig } from 'vitest/config';

// Forked processes, not threads: ending a worker thread that holds a live aws-crt connection ends the whole process.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/torture/**', 'node_modules/**', 'dist/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
