import { existsSync, readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { ACCESS_ACTIONS } from '../../core/access/access.ts';
import { problem } from '../../core/problem.ts';
import { fail } from '../../core/result.ts';
import { openApiDocument } from '../openapi.ts';
import { OPERATIONS } from '../operations.ts';
import { problemPages } from '../problem-pages.ts';
import { emptyQuery, readRequest } from '../requests.ts';
import { respond, type RouteParts } from '../respond.ts';
import { route } from '../route.ts';
import type { IdentityView } from '../views/server.ts';

/** What the API says about itself. */
export function metaRoutes(app: FastifyInstance, parts: RouteParts): void {
  // Written when first asked for: a start should not wait for what nobody may read.
  const document = once(() => JSON.stringify(openApiDocument({ version: parts.version ?? '0.0.0' })));
  const pages = once(() => problemPages(problemWords()));

  route(app, OPERATIONS.openApi, ({ reply }) => reply.type('application/json; charset=utf-8').send(document()));

  route(app, OPERATIONS.problemPage, ({ request, reply, params }) => {
    const page = pages().get(params['code'] ?? '');
    if (page === undefined) {
      return respond({ parts, request, reply }, fail(problem('not_found', 'there is no such problem')), String);
    }
    return reply.header('content-security-policy', "default-src 'none'").type('text/html; charset=utf-8').send(page);
  });

  route(app, OPERATIONS.whoAmI, ({ request, reply }) => {
    const { name, roles, rules } = request.principal;
    const query = readRequest(emptyQuery, request.query, 'query');
    const actions = ACCESS_ACTIONS.filter((action) =>
      rules.some((rule) => rule.effect === 'allow' && rule.actions.includes(action)),
    );
    const identity: IdentityView = { name, accessControl: parts.access !== undefined, roles, actions };
    return respond({ parts, request, reply }, query, () => identity);
  });
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Beside the sources while developing, at the root of the package when built. */
function problemWords(): string {
  for (const place of ['../../../docs/PROBLEMS.md', '../../../../docs/PROBLEMS.md']) {
    const file = new URL(place, import.meta.url);
    if (existsSync(file)) return readFileSync(file, 'utf8');
  }
  return '';
}
