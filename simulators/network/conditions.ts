/** How bad the way between one client and the broker is, in both directions. Fractions are probabilities per message. */
export interface Conditions {
  /** One way, drawn anew for each message. */
  readonly delayMs: { readonly min: number; readonly max: number };
  /** The message vanishes; if it had one, its acknowledgement comes nevertheless. */
  readonly loss: number;
  /** The message arrives, its acknowledgement does not. */
  readonly ackLoss: number;
  /** The message arrives twice, each time after a delay of its own. */
  readonly duplication: number;
  /** The message does not wait for those sent before it. */
  readonly reordering: number;
}

/** What a cable on the table does: a millisecond each way, everything arrives, in order. */
export const CALM: Conditions = {
  delayMs: { min: 1, max: 1 },
  loss: 0,
  ackLoss: 0,
  duplication: 0,
  reordering: 0,
};
