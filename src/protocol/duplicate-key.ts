const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/**
 * The JSON Pointer of the first member that an object of this (valid) JSON has twice, however its name is escaped. The
 * parser keeps the last of them in silence, and a reader before it may have looked at the first (attacks B-06, B-07).
 */
export function duplicateKey(text: string): string | undefined {
  const open: { readonly keys: Set<string>; key?: string }[] = [];
  let last = '';
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') open.push({ keys: new Set() });
    else if (token === '}' || token === ']') open.pop();
    else if (token !== ':') last = token;
    else {
      const inside = open.at(-1);
      if (inside === undefined) continue;
      const key = last.includes('\\') ? (JSON.parse(last) as string) : last.slice(1, -1);
      inside.key = key;
      // An array on the way has no key here; the names lead to the place without its index.
      if (inside.keys.has(key))
        return open.map((each) => (each.key === undefined ? '' : `/${escaped(each.key)}`)).join('');
      inside.keys.add(key);
    }
  }
  return undefined;
}

function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1').slice(0, 64);
}
