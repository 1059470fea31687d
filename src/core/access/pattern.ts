import type { FieldPointer, ShadowName } from '../brand.ts';
import { keysOf } from '../json/json-pointer.ts';

/** How the shadow without a name is written in a rule; no shadow name can hold a parenthesis. */
export const CLASSIC = '(classic)';

/**
 * Whether `text` fits a pattern in which `*` stands for any characters, none included. Part by part and without
 * backtracking, so that no pattern is slow (attack C-21); every other character is itself, case counts.
 */
export function fitsPattern({ pattern, text }: { pattern: string; text: string }): boolean {
  const [first = '', ...parts] = pattern.split('*');
  if (!text.startsWith(first)) return false;
  const last = parts.pop();
  if (last === undefined) return text === first;
  let from = first.length;
  for (const part of parts) {
    const found = text.indexOf(part, from);
    if (found < 0) return false;
    from = found + part.length;
  }
  return text.length - last.length >= from && text.endsWith(last);
}

export function fitsShadow({ pattern, name }: { pattern: string; name: ShadowName | undefined }): boolean {
  if (pattern === '*') return true;
  return name === undefined ? pattern === CLASSIC : fitsPattern({ pattern, text: name });
}

/** Whether the rule's field stands for this field: it is the field itself or leads to it. */
export function coversField({ pattern, field }: { pattern: string; field: FieldPointer }): boolean {
  const rule = keysOf(pattern as FieldPointer);
  const keys = keysOf(field);
  return rule.length <= keys.length && fitsKeys(rule, keys);
}

/** Whether writing the field would touch what the rule's field stands for, from above or from below. */
export function touchesField({ pattern, field }: { pattern: string; field: FieldPointer }): boolean {
  return fitsKeys(keysOf(pattern as FieldPointer), keysOf(field));
}

/** As far as both go. */
function fitsKeys(rule: readonly string[], keys: readonly string[]): boolean {
  const length = Math.min(rule.length, keys.length);
  return rule.slice(0, length).every((key, index) => key === '*' || key === keys[index]);
}

const VARIABLE = /\$\{([a-zA-Z][a-zA-Z0-9_]{0,31})\}/g;
/** Only what a name can hold: a value with `*` or `/` in it would widen the pattern (attack A-12). */
const VALUE = /^[a-zA-Z0-9:_-]{1,128}$/;

/** The pattern with its `${variables}` filled in, or undefined if one is missing or holds what no name can. */
export function filledIn(pattern: string, variables: Readonly<Record<string, string>>): string | undefined {
  let complete = true;
  const filled = pattern.replace(VARIABLE, (_, name: string) => {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (value === undefined || !VALUE.test(value)) complete = false;
    return value ?? '';
  });
  return complete ? filled : undefined;
}
