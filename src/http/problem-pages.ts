import { PROBLEMS, type ProblemCode } from '../core/problem.ts';

/**
 * A page per problem code, from the words of `docs/PROBLEMS.md`: `### \`code\`` and what follows it. A code that the text
 * does not know gets what the table of codes says.
 */
export function problemPages(markdown: string): ReadonlyMap<string, string> {
  const sections = new Map<string, string>();
  for (const section of markdown.split(/^(?=#{2,3} )/m)) {
    const code = /^### `([a-z_]+)`/.exec(section)?.[1];
    if (code !== undefined) sections.set(code, section.slice(section.indexOf('\n') + 1).trim());
  }
  return new Map(
    (Object.keys(PROBLEMS) as ProblemCode[]).map((code) => [code, page(code, sections.get(code) ?? builtIn(code))]),
  );
}

function builtIn(code: ProblemCode): string {
  const { http, exit, retry } = PROBLEMS[code];
  return `HTTP ${http}, exit ${exit}, retry ${retry.replaceAll('_', ' ')}.`;
}

function page(code: ProblemCode, words: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${code}</title>
<h1><code>${code}</code></h1>
${words
  .split(/\n{2,}|\n(?=\*\*)/)
  .map((paragraph) => `<p>${inline(paragraph)}</p>`)
  .join('\n')}
</html>
`;
}

function inline(text: string): string {
  return escaped(text)
    .replaceAll(/`([^`]+)`/g, '<code>$1</code>')
    .replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replaceAll(/\*([^*]+)\*/g, '<em>$1</em>');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
