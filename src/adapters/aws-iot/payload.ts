/**
 * The bytes of a received message. The SDK hands out an ArrayBuffer, and for an empty payload a detached one, from
 * which nothing can be made: an exception here ends the process inside the SDK, so one empty message would be enough.
 */
export function bytesOf(payload: unknown): Uint8Array {
  if (typeof payload === 'string') return new TextEncoder().encode(payload);
  if (ArrayBuffer.isView(payload)) return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
  return payload instanceof ArrayBuffer && payload.byteLength > 0 ? new Uint8Array(payload) : new Uint8Array(0);
}
