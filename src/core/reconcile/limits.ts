/** Numbers of the reconciler. All lengths in milliseconds. */
export interface ReconcileLimits {
  /** Attempts per desired value before the device gives up and refuses. */
  readonly attemptsMax: number;
  readonly retryBaseMs: number;
  readonly retryCapMs: number;
  /** Starts after an unfinished apply of the same value before it is quarantined. */
  readonly crashesMax: number;
  /** A lease where the model gives none. */
  readonly leaseMs: number;
  /** A pass that lasts longer reports what it has; slow adapters go on beside it. */
  readonly slowMs: number;
  readonly readTimeoutMs: number;
  readonly applyTimeoutMs: number;
  /** The service's limit on desired and reported together, in bytes (R25). */
  readonly documentBytesMax: number;
  readonly answerTimeoutMs: number;
  /** How long a version may be missing before a get is cheaper than waiting. */
  readonly gapMs: number;
  readonly resyncMs: number;
  /** How often the hardware is read although nobody said that it changed. */
  readonly pollMs: number;
  /** Local changes in a row are looked at no faster than this, then twice as slow each time, up to the cap. */
  readonly localSpacingMs: number;
  readonly localSpacingCapMs: number;
  readonly adoptConflictsMax: number;
}

export const DEFAULT_LIMITS: ReconcileLimits = {
  attemptsMax: 8,
  retryBaseMs: 1_000,
  retryCapMs: 300_000,
  crashesMax: 3,
  leaseMs: 900_000,
  slowMs: 1_000,
  readTimeoutMs: 10_000,
  applyTimeoutMs: 30_000,
  documentBytesMax: 8_192,
  answerTimeoutMs: 5_000,
  gapMs: 50,
  resyncMs: 900_000,
  pollMs: 60_000,
  localSpacingMs: 1_000,
  localSpacingCapMs: 60_000,
  adoptConflictsMax: 8,
};
