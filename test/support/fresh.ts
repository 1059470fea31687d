let tries = 0;

/** A name of its own for every try of a test in a shared world: nothing that an earlier one left stands in the way. */
export const fresh = (name: string): string => `${name}-${(tries += 1)}`;
