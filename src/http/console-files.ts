import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';

/** The built console: a handful of small files, read once and served from memory. */
export interface ConsoleFiles {
  /** By path below the root, such as `assets/index-1a2b.js`. */
  readonly files: ReadonlyMap<string, { readonly type: string; readonly body: Buffer }>;
  readonly index: Buffer;
}

/** Errors   `invalid_config` where `folder` holds no built console. */
export function readConsole(folder: string): Result<ConsoleFiles> {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (name) => path.extname(name) in TYPES,
    );
    const files = new Map(
      names.map((name) => [
        name.split(path.sep).join('/'),
        { type: TYPES[path.extname(name)] ?? 'application/octet-stream', body: readFileSync(path.join(folder, name)) },
      ]),
    );
    return ok({ files, index: readFileSync(path.join(folder, 'index.html')) });
  } catch (cause) {
    return fail(problem('invalid_config', 'the console is not built; npm run build makes it', { at: folder, cause }));
  }
}

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Nothing from elsewhere, nothing inline, nobody may frame it: a device's string that got through our escaping would
 * still not run.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** The files hold nothing; what they show comes from the API, which asks who somebody is. */
const PUBLIC = { config: { operation: { id: 'console', access: 'public' } }, exposeHeadRoute: false } as const;

/** Pages are the console's own business: each of its paths gets the same document. Everything else stays a 404. */
export function consoleRoutes(app: FastifyInstance, { files, index }: ConsoleFiles): void {
  for (const page of ['/', '/drift', '/drift/rules', '/commands', '/commands/:id', '/things/:thing']) {
    app.get(page, PUBLIC, (_request, reply) => send(reply, 'text/html; charset=utf-8', index));
  }
  for (const [name, { type, body }] of files) {
    app.get(`/${name}`, PUBLIC, (_request, reply) => {
      // Names carry a hash of the content, but for the icon.
      if (name.startsWith('assets/')) reply.header('cache-control', 'public, max-age=31536000, immutable');
      return send(reply, type, body);
    });
  }
}

function send(reply: FastifyReply, type: string, body: Buffer): FastifyReply {
  return reply
    .header('content-security-policy', POLICY)
    .header('referrer-policy', 'no-referrer')
    .header('cross-origin-opener-policy', 'same-origin')
    .type(type)
    .send(body);
}
