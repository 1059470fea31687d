import type { JsonObject } from '../json/json.ts';

/** Both halves of a shadow. An empty or missing section does not exist (R13). */
export interface ShadowState {
  readonly desired?: JsonObject;
  readonly reported?: JsonObject;
}

/** Same shape as the state; at each leaf `{ timestamp }` in whole seconds since the epoch (R11, R72, R73). */
export interface ShadowMetadata {
  readonly desired?: JsonObject;
  readonly reported?: JsonObject;
}

/** A shadow as the service stores it. `delta` is virtual and never stored (R10). */
export interface ShadowDocument {
  readonly state: ShadowState;
  readonly metadata: ShadowMetadata;
  /** Starts at 1; each accepted update adds exactly 1 (R45). */
  readonly version: number;
}
