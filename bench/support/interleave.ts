/**
 * Runs the variants one after the other, and that several times, so that a slow minute of the machine hits all of them:
 * ratios taken side by side mean something, absolute figures little.
 */
export async function interleave<T>(
  repetitions: number,
  variants: Readonly<Record<string, () => Promise<T>>>,
): Promise<Record<string, T[]>> {
  const results: Record<string, T[]> = Object.fromEntries(Object.keys(variants).map((name) => [name, []]));
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    for (const [name, run] of Object.entries(variants)) {
      process.stderr.write(`  ${repetition}/${repetitions} ${name}\n`);
      results[name]?.push(await run());
    }
  }
  return results;
}
