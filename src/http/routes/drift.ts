import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { DriftFilter } from '../../ports/ledger.ts';
import { acknowledgeBody, driftQuery, readRequest } from '../requests.ts';
import { respond, type RouteParts } from '../respond.ts';
import { driftView } from '../views.ts';
import { AUTHOR_DEFAULT, defined, pageFrom, pageView } from './commands.ts';
import { readShadow } from './shadows.ts';

export function driftRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { cloud } = parts;

  app.post<{ Params: { thing: string } }>('/v1/things/:thing/shadow/drift/acknowledge', async (request, reply) => {
    const asked = readShadow(request);
    if (!asked.ok) return respond({ parts, request, reply }, asked, String);
    const body = readRequest(acknowledgeBody, request.body, 'body');
    if (!body.ok) return respond({ parts, request, reply }, body, String);
    const { field, author = AUTHOR_DEFAULT, reason } = body.value;
    const entry = await cloud.acknowledgeDrift({ ref: asked.value.ref, field }, { name: author }, reason);
    return respond({ parts, request, reply }, entry, driftView);
  });

  app.get('/v1/drift', async (request, reply) => {
    const query = readRequest(driftQuery, request.query, 'query');
    if (!query.ok) return respond({ parts, request, reply }, query, String);
    const filter = filterFrom(query.value);
    const [counts, page] = await Promise.all([cloud.driftCounts(filter), cloud.drift(filter, pageFrom(query.value))]);
    if (!counts.ok) return respond({ parts, request, reply }, counts, String);
    return respond({ parts, request, reply }, page, ({ items, next }) => ({
      counts: counts.value,
      ...pageView(items.map(driftView), next),
    }));
  });
}

function filterFrom(query: z.output<typeof driftQuery>): DriftFilter {
  const { thing, name, classic, cause, limit: _limit, cursor: _cursor, ...same } = query;
  return defined({ thingName: thing, shadowName: classic === true ? null : name, causes: cause, ...same });
}
