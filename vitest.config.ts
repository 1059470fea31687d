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
    // Real processes on a busy machine may miss their moment once; failing twice in a row is a failure.
    retry: process.env['CI'] === undefined ? 0 : 1,
  },
});
