/** Runs `work` for every item, `inFlight` at a time; how long each took, and all of them together. */
export async function pace<T>(
  items: readonly T[],
  inFlight: number,
  work: (item: T, worker: number) => Promise<void>,
): Promise<{ latenciesMs: number[]; perSecond: number }> {
  const latenciesMs: number[] = [];
  let next = 0;
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async (_, worker) => {
      for (let at = next++; at < items.length; at = next++) {
        const item = items[at] as T;
        const beganMs = performance.now();
        await work(item, worker);
        latenciesMs.push(performance.now() - beganMs);
      }
    }),
  );
  return { latenciesMs, perSecond: items.length / ((performance.now() - startMs) / 1_000) };
}
