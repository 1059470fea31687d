import type { DirectProblem, DirectProgress, SequenceNumber } from '../core/direct/messages.ts';
import type { JsonObject, JsonValue } from '../core/json/json.ts';

/** A command that a device offers. */
export interface CommandOffer {
  /** A JSON Schema (2020-12) of the arguments; without one any object will do. */
  readonly args?: JsonObject;
  /** Doing it twice does no harm: after a crash in the middle it is called again. Others then answer `interrupted`. */
  readonly idempotent: boolean;
  /** Does it. What it throws becomes `failed`. */
  readonly handler: CommandHandler;
  /** How the device is now, as far as it matters to the command; part of every answer. */
  readonly state?: () => JsonObject | undefined;
}

export type CommandHandler = (call: CommandCall) => Promise<CommandAnswer>;

export interface CommandCall {
  readonly id: string;
  readonly name: string;
  /** Fits the schema. */
  readonly args: JsonObject;
  readonly sequence?: SequenceNumber;
  /** It was called before with this id and the device went down meanwhile, which is what a restart looks like from within. */
  readonly again: boolean;
  /** Aborted when the sender cancels, or the device stops. */
  readonly signal: AbortSignal;
  /** Tells the sender how far it is; the newest counts. */
  readonly progress: (progress: DirectProgress) => void;
}

/** `failed`: tried, did not work. `rejected`: not tried, nothing was done. */
export type CommandAnswer =
  { readonly result?: JsonValue } | { readonly failed: DirectProblem } | { readonly rejected: DirectProblem };
