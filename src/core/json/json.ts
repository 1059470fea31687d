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
  const object: { [key: string]: JsonValue } = {};
  for (const [key, value] of entries) setMember(object, key, value);
  return object;
}

/** Assigning to `__proto__` would set the prototype; here it becomes a member like any other (R43). */
export function setMember(object: { [key: string]: JsonValue }, key: string, value: JsonValue): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
  } else {
    object[key] = value;
  }
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
