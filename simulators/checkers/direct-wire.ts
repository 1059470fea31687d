import type { DirectRequest } from '../../src/core/direct/messages.ts';
import { parseDirectRequest } from '../../src/protocol/direct-messages.ts';
import type { Sighting } from '../world/sighting.ts';

/** The request of a direct command that this is, as it reached the broker. */
export function requestOnWire(sighting: Sighting): DirectRequest | undefined {
  return sighting.type === 'wire' ? requestOf(sighting) : undefined;
}

/** The same as it was handed to a device. */
export function requestAtDevice(sighting: Sighting): DirectRequest | undefined {
  return sighting.type === 'delivered' ? requestOf(sighting) : undefined;
}

function requestOf({ topic, payload }: { topic: string; payload: string }): DirectRequest | undefined {
  if (!topic.startsWith('cmd/') || !topic.endsWith('/req')) return undefined;
  const request = parseDirectRequest(Buffer.from(payload));
  return request.ok ? request.value : undefined;
}
