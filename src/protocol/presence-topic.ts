import type { ThingName } from '../core/brand.ts';

/**
 * Where a device's will goes: an ordinary topic, because the shadow service ignores wills on its own (R8). The payload is
 * `{"connected":false}`; nothing else is ever published there.
 */
export function presenceTopic(thingName: ThingName): string {
  return `shadowctl/presence/${thingName}`;
}
