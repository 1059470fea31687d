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
 */
export function loggable(fields: LogFields): Record<string, unknown> {
  return object(fields, 0);
}

function object(fields: object, depth: number): Record<string, unknown> {
  const entries = Object.entries(fields).slice(0, ITEMS_MAX);
  return Object.fromEntries(
    entries.map(([name, value]) => [text(name), SECRET.test(name) ? mask(value) : clean(value, depth + 1)]),
  );
}

function mask(value: unknown): unknown {
  return value === undefined || value === null ? value : '[secret]';
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) return '[deep]';
  if (value instanceof Error) return error(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '[no date]' : value.toISOString();
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, ITEMS_MAX).map((item) => clean(item, depth + 1));
  return object(value, depth);
}

function error(value: Error, depth: number): Record<string, unknown> {
  const { name, message, stack, cause } = value;
  const code: unknown = 'code' in value ? value.code : undefined;
  return {
    name: text(name),
    message: text(message),
    ...(code === undefined ? {} : { code: clean(code, depth + 1) }),
    ...(stack === undefined ? {} : { stack: text(stack) }),
    ...(cause === undefined ? {} : { cause: clean(cause, depth + 1) }),
  };
}

function text(raw: string): string {
  let cut = raw.length > TEXT_CHARS_MAX ? `${raw.slice(0, TEXT_CHARS_MAX)}…` : raw;
  for (const secret of SECRET_TEXT) cut = cut.replace(secret, '[secret]');
  return cut.replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
