/** Values as JSON knows them. Objects may carry any key, `__proto__` included: build and read them only with what is here. */
export type JsonScalar = string | number | boolean | null;
export type JsonValue = JsonScalar | JsonArray | JsonObject;
export type JsonArray = readonly JsonValue[];
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The own member `key`, or undefined. Never reaches the prototype, whatever the key is called. */
export function member(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** An object from entries; `__proto__` becomes an ordinary own key. Later entries win. */
export function objectFrom(entries: Iterable<readonly [string, JsonValue]>): JsonObject {
  return Object.fromEntries(entries);
}

/** A copy of `object` with `key` set to `value`. */
export function withMember(object: JsonObject, key: string, value: JsonValue): JsonObject {
  // Spread and a computed key define own members, whatever they are called.
  return { ...object, [key]: value };
}

/** A copy of `object` without `key`. */
export function withoutMember(object: JsonObject, key: string): JsonObject {
  return objectFrom(Object.entries(object).filter(([name]) => name !== key));
}
