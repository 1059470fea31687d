import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** The project's own sources and what they import, read from disk: the ground under every architecture test. */
export interface SourceFile {
  /** From the project's root, such as `src/core/brand.ts`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

export interface Import {
  /** A path from the root for own files (`src/core/brand.ts`), else the package's or `node:` name. */
  readonly target: string;
  /** `import('…')` rather than a static import or re-export. */
  readonly dynamic: boolean;
}

export function sourcesUnder(...folders: string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.tsx?$/.test(file))
      .map((file) => read(path.posix.join(folder, file.split(path.sep).join('/')))),
  );
}

function read(file: string): SourceFile {
  const text = readFileSync(file, 'utf8');
  const statics = new Set(staticSpecifiers(file, text));
  const imports = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => ({
    target: targetOf({ file, specifier: fileName }),
    dynamic: !statics.has(fileName),
  }));
  return { path: file, text, imports };
}

function staticSpecifiers(file: string, text: string): string[] {
  const { statements } = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
  return statements.flatMap((statement) => {
    const named =
      ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement) ? statement.moduleSpecifier : undefined;
    return named !== undefined && ts.isStringLiteral(named) ? [named.text] : [];
  });
}

function targetOf({ file, specifier }: { file: string; specifier: string }): string {
  if (specifier.startsWith('.')) return path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier));
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/**
 * What the code names, one per line: `Date.now`, `new Date()`, `setTimeout`, `await`, `async`. Comments, strings and
 * names of properties do not count.
 */
export function namesIn({ path: file, text }: SourceFile): string {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node)) {
      if (ts.isIdentifier(node.expression)) names.push(`${node.expression.text}.${node.name.text}`);
      else visit(node.expression);
      return;
    }
    if (ts.isIdentifier(node)) names.push(node.text);
    if (ts.isAwaitExpression(node)) names.push('await');
    if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && node.arguments?.length === 0) {
      names.push(`new ${node.expression.text}()`);
    }
    if (ts.canHaveModifiers(node)) {
      const modifiers = ts.getModifiers(node) ?? [];
      if (modifiers.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword)) names.push('async');
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest));
  return names.join('\n');
}
