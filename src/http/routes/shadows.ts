import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ok, type Result } from '../../core/result.ts';
import { parseThingName, type ShadowRef } from '../../core/shadow/shadow-ref.ts';
import { pageQuery, readRequest, shadowQuery } from '../requests.ts';
import { respond, type RouteParts } from '../respond.ts';
import { shadowExplanationView, shadowRefView, shadowView, thingView } from '../views.ts';
import { pageFrom, pageView } from './commands.ts';

export type ThingRequest = FastifyRequest<{ Params: { thing: string } }>;

export function shadowRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { cloud } = parts;

  app.get<{ Params: { thing: string } }>('/v1/things/:thing/shadow', async (request, reply) => {
    const asked = readShadow(request);
    const report = asked.ok ? await cloud.shadow(asked.value.ref, { refresh: asked.value.refresh }) : asked;
    return respond({ parts, request, reply }, report, shadowView);
  });

  app.get<{ Params: { thing: string } }>('/v1/things/:thing/shadow/explain', async (request, reply) => {
    const asked = readShadow(request);
    const explanation = asked.ok ? await cloud.explainShadow(asked.value.ref) : asked;
    return respond({ parts, request, reply }, explanation, shadowExplanationView);
  });

  app.get<{ Params: { thing: string } }>('/v1/things/:thing', async (request, reply) => {
    const thingName = parseThingName(request.params.thing);
    const report = thingName.ok ? await cloud.thing(thingName.value) : thingName;
    return respond({ parts, request, reply }, report, thingView);
  });

  app.get('/v1/shadows', async (request, reply) => {
    const query = readRequest(pageQuery, request.query, 'query');
    const page = query.ok ? await cloud.shadows(pageFrom(query.value)) : query;
    return respond({ parts, request, reply }, page, ({ items, next }) => pageView(items.map(shadowRefView), next));
  });
}

export function readShadow(request: ThingRequest): Result<{ ref: ShadowRef; refresh: boolean }> {
  const thingName = parseThingName(request.params.thing);
  if (!thingName.ok) return thingName;
  const query = readRequest(shadowQuery, request.query, 'query');
  if (!query.ok) return query;
  const { name, refresh = false } = query.value;
  const ref = name === undefined ? { thingName: thingName.value } : { thingName: thingName.value, shadowName: name };
  return ok({ ref, refresh });
}
