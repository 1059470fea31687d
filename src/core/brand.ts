/** Look-alike strings and numbers that must not be swapped. A brand exists for the compiler only. */
declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** An instant: milliseconds since the Unix epoch. Can jump with the wall clock. */
export type EpochMs = Brand<number, 'EpochMs'>;
/** Milliseconds since an arbitrary origin of this process. Never goes back; means nothing after a restart. */
export type MonotonicMs = Brand<number, 'MonotonicMs'>;
/** A registry name, 1 to 128 of `[a-zA-Z0-9:_-]` (R3). */
export type ThingName = Brand<string, 'ThingName'>;
/** 1 to 64 of `[$a-zA-Z0-9:_-]` (R4). The classic shadow has none. */
export type ShadowName = Brand<string, 'ShadowName'>;
/** Ties an answer to its request; at most 64 bytes (R23). Ours is `sr1-` + a UUIDv7 of the write's attempt. */
export type ClientToken = Brand<string, 'ClientToken'>;
/** A UUIDv7. */
export type CommandId = Brand<string, 'CommandId'>;
/** A UUIDv7 of one `update` request that we publish. */
export type WriteId = Brand<string, 'WriteId'>;
/** A JSON Pointer (RFC 6901) below `desired`, such as `/climate/targetC`. */
export type FieldPointer = Brand<string, 'FieldPointer'>;

export const epochMs = (value: number): EpochMs => value as EpochMs;
export const monotonicMs = (value: number): MonotonicMs => value as MonotonicMs;
