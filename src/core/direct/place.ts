import type { ShadowName, ThingName } from '../brand.ts';
import type { ShadowRef } from '../shadow/shadow-ref.ts';

/**
 * Where the direct commands of a thing stand in the ledger, in lists and in rules of access: beside its shadows, under a
 * name that no shadow can have (R4).
 */
export const DIRECT_PLACE = '(direct)' as ShadowName;

export function directRef(thingName: ThingName): ShadowRef {
  return { thingName, shadowName: DIRECT_PLACE };
}

export function isDirectRef({ shadowName }: ShadowRef): boolean {
  return shadowName === DIRECT_PLACE;
}
