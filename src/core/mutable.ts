/** While a value is being built. Nobody else sees it as this. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };
