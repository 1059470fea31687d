import type { LogFields } from '../../ports/log.ts';

/** A field with such a name is a secret wherever it stands and however it is spelled (E-11). `clientToken` is an id. */
const SECRET =
  /^(?!client-?_?token$)(.*(password|passwd|passphrase|secret|credential|authorization|cookie|private-?_?key|api-?_?key|access-?_?key|token)s?|key|pem)$/i;
/** Secrets that stand in the text of somebody's error message. */
const SECRET_TEXT = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /(?<=\/\/[^\s/:@]*:)[^\s/@]+(?=@)/g, // the password of a URL
  /(?<=\bBearer\s+)[A-Za-z0-9._~+/-]+=*/gi,
];
/** Line separators and direction overrides pass JSON as they are and forge lines on a terminal (E-09). */
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

const DEPTH_MAX = 6;
const ITEMS_MAX = 50;
/** A longer text is a payload, and payloads are not logged. */
const TEXT_CHARS_MAX = 1_000;

/**
 * What a log line may hold of `fields`: secrets masked by name and by look, texts and lists cut, errors spelled out,
 * whatever else (functions, cycles, depth) named instead of printed. pino's own redaction knows fixed paths only.
 *
 * Causes   A `cause` stands behind an expected failure: its code and text say what happened, and where in the code it
 *          did only those want to know who asked for everything (`stacks`).
 */
export function loggable(fields: LogFields, stacks = true): Record<string, unknown> {
  return object(fields, { depth: 0, causes: stacks, stack: true });
}

interface Place {
  readonly depth: number;
  /** Whether causes come with their stack, and whether an error here does. */
  readonly causes: boolean;
  readonly stack: boolean;
}

function object(fields: object, place: Place): Record<string, unknown> {
  const entries = Object.entries(fields).slice(0, ITEMS_MAX);
  return Object.fromEntries(
    entries.map(([name, value]) => [
      text(name),
      SECRET.test(name) ? mask(value) : clean(value, name === 'cause' ? causeOf(place) : below(place)),
    ]),
  );
}

const below = (place: Place): Place => ({ ...place, depth: place.depth + 1 });
const causeOf = (place: Place): Place => ({ ...below(place), stack: place.causes });

function mask(value: unknown): unknown {
  return value === undefined || value === null ? value : '[secret]';
}

function clean(value: unknown, place: Place): unknown {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (place.depth > DEPTH_MAX) return '[deep]';
  if (value instanceof Error) return error(value, place);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '[no date]' : value.toISOString();
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, ITEMS_MAX).map((item) => clean(item, below(place)));
  return object(value, place);
}

function error(value: Error, place: Place): Record<string, unknown> {
  const { name, message, stack, cause } = value;
  const code: unknown = 'code' in value ? value.code : undefined;
  return {
    name: text(name),
    message: text(message),
    ...(code === undefined ? {} : { code: clean(code, below(place)) }),
    ...(stack === undefined || !place.stack ? {} : { stack: text(stack) }),
    ...(cause === undefined ? {} : { cause: clean(cause, causeOf(place)) }),
  };
}

function text(raw: string): string {
  let cut = raw.length > TEXT_CHARS_MAX ? `${raw.slice(0, TEXT_CHARS_MAX)}…` : raw;
  for (const secret of SECRET_TEXT) cut = cut.replace(secret, '[secret]');
  return cut.replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
