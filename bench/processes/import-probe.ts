/** How long one import takes in this fresh process and, if it brings a cloud, how long that takes to start. */
const what = process.argv[2] ?? '';
const before = performance.now();
const module = (await (what === 'aedes' ? import('aedes') : import('../../simulators/testing.ts'))) as {
  startSimulator?: () => Promise<unknown>;
};
const imported = performance.now();
await module.startSimulator?.();
process.stdout.write(JSON.stringify({ importMs: imported - before, startMs: performance.now() - imported }));
process.exit(0);
