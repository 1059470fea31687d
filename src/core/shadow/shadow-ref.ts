import type { ShadowName, ThingName } from '../brand.ts';
import { problem } from '../problem.ts';
import { fail, ok, type Result } from '../result.ts';

/** Which shadow: the classic one of a thing (no name) or a named one. */
export interface ShadowRef {
  readonly thingName: ThingName;
  readonly shadowName?: ShadowName;
}

/** How a shadow is printed and keyed: `thing` or `thing/shadow`. Neither name can hold a slash. */
export function shadowKey({ thingName, shadowName }: ShadowRef): string {
  return shadowName === undefined ? thingName : `${thingName}/${shadowName}`;
}

const THING_NAME = /^[a-zA-Z0-9:_-]{1,128}$/;
const SHADOW_NAME = /^[$a-zA-Z0-9:_-]{1,64}$/;

/** Source   R3, R4. */
export function parseThingName(text: string): Result<ThingName> {
  return THING_NAME.test(text)
    ? ok(text as ThingName)
    : fail(
        problem('invalid_thing_name', 'a thing name has 1 to 128 of the characters a-z A-Z 0-9 : _ -', {
          at: clip(text),
        }),
      );
}

export function parseShadowName(text: string): Result<ShadowName> {
  return SHADOW_NAME.test(text)
    ? ok(text as ShadowName)
    : fail(
        problem('invalid_shadow_name', 'a shadow name has 1 to 64 of the characters $ a-z A-Z 0-9 : _ -', {
          at: clip(text),
        }),
      );
}

/** Both names at once; an undefined shadow name means the classic shadow, an empty one is refused (R4). */
export function parseShadowRef(thing: string, shadow?: string): Result<ShadowRef> {
  const thingName = parseThingName(thing);
  if (!thingName.ok) return thingName;
  if (shadow === undefined) return ok({ thingName: thingName.value });
  const shadowName = parseShadowName(shadow);
  return shadowName.ok ? ok({ thingName: thingName.value, shadowName: shadowName.value }) : shadowName;
}

/** Reads back what `shadowKey` printed. */
export function parseShadowKey(key: string): Result<ShadowRef> {
  const slash = key.indexOf('/');
  return slash < 0 ? parseShadowRef(key) : parseShadowRef(key.slice(0, slash), key.slice(slash + 1));
}

/** Names that broke the pattern may be of any length; a message shows their start. */
function clip(text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}…` : text;
}
