/**
 * Holds an invariant that only our own mistake can break. Throws, and nothing below the composition root catches it.
 * For anything the world can cause return a problem instead.
 */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${invariant}`);
}

/** The end of an exhaustive switch: a new member of the union becomes a type error here. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
