import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { PROBLEMS } from '../../../src/core/problem.ts';
import { openApiDocument, problemsOf } from '../../../src/http/openapi.ts';
import { ALL_OPERATIONS } from '../../../src/http/operations.ts';

test('the document passes the linter without an error or a warning', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'openapi-'));
  const file = path.join(folder, 'openapi.json');
  writeFileSync(file, JSON.stringify(openApiDocument({ version: '1.0.0' })));
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  const said = await new Promise<string>((resolve) => {
    const args = ['node_modules/@redocly/cli/bin/cli.js', 'lint', file, '--format=json'];
    execFile(process.execPath, args, { env, timeout: 110_000 }, (_error, stdout, stderr) => resolve(stdout || stderr));
  });
  rmSync(folder, { recursive: true });
  const { totals } = JSON.parse(said.slice(said.indexOf('{'))) as { totals: Record<string, number> };
  expect(totals, said).toMatchObject({ errors: 0, warnings: 0 });
}, 120_000);

test('every problem code of an operation is one, and every operation has an id and a path of its own', () => {
  for (const operation of ALL_OPERATIONS) {
    for (const code of problemsOf(operation)) expect(Object.keys(PROBLEMS)).toContain(code);
  }
  expect(new Set(ALL_OPERATIONS.map(({ id }) => id)).size).toBe(ALL_OPERATIONS.length);
  expect(new Set(ALL_OPERATIONS.map(({ method, path: at }) => `${method} ${at}`)).size).toBe(ALL_OPERATIONS.length);
});
