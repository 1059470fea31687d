import type { JsonValue } from '../../core/json/json.ts';

/**
 * Text that came from a device, a user or a server, made harmless for a terminal: C0, DEL and C1 controls, bidirectional
 * overrides, line and paragraph separators, zero-width and tag characters and lone surrogates are shown as escapes instead
 * of acting (attacks E-04, E-05, E-16). Printable text of any script stays as it is.
 */
export function forTerminal(text: string): string {
  return text.replace(UNSAFE, (character) => ESCAPES.get(character) ?? unicodeEscape(character));
}

/** JSON on one line, harmless for a terminal. Still the same JSON to a parser. */
export function jsonForTerminal(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent) ?? 'null';
  return text.replace(UNSAFE_BUT_NEWLINE, (character) =>
    Array.from({ length: character.length }, (_, index) => unicodeEscape(character.charAt(index))).join(''),
  );
}

/** A value as a person reads it in a table: strings bare where that is unmistakable, all else as JSON. */
export function valueForTerminal(value: JsonValue | undefined): string {
  if (value === undefined) return '-';
  if (typeof value === 'string' && /^[A-Za-z_][\w .:-]*$/.test(value) && !/^(true|false|null)$/.test(value))
    return value;
  return jsonForTerminal(value);
}

const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}|[\u{e0000}-\u{e007f}]/gu;
const UNSAFE_BUT_NEWLINE = new RegExp(UNSAFE.source.replace('\\u0000-\\u001f', '\\u0000-\\u0009\\u000b-\\u001f'), 'gu');

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

function unicodeEscape(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
}
