/** Randomness. The same seed gives the same sequence in the simulation; `node:crypto` in production. */
export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  /** `count` uniform bytes. */
  bytes(count: number): Uint8Array;
}
