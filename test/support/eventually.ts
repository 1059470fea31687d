/**
 * Waits until `condition` gives something truthy (or stops throwing) and returns it. For tests against real processes and sockets, where
 * there is no clock to advance: it polls, and gives up with the last reason after `withinMs`.
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  { withinMs = 20_000, everyMs = 5 }: { withinMs?: number; everyMs?: number } = {},
): Promise<NonNullable<T>> {
  const giveUpAt = performance.now() + withinMs;
  let reason: unknown = 'the condition stayed false';
  for (;;) {
    try {
      const value = await condition();
      if (value !== false && value !== undefined && value !== null) return value;
    } catch (error) {
      reason = error;
    }
    if (performance.now() > giveUpAt) {
      throw new Error(`not within ${withinMs} ms: ${reason instanceof Error ? reason.message : String(reason)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
