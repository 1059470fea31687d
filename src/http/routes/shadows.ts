import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Model } from '../../core/model/model.ts';
import type { ThingReport } from '../../cloud/cloud.ts';
import type { ThingName } from '../../core/brand.ts';
import { inScope } from '../../core/access/decide.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { parseThingName, type ShadowRef } from '../../core/shadow/shadow-ref.ts';
import { permit, visibleTo } from '../guard.ts';
import { OPERATIONS } from '../operations.ts';
import type { RequestProblem } from '../problem-response.ts';
import { emptyQuery, nameQuery, pageQuery, readRequest, shadowQuery, thingsQuery } from '../requests.ts';
import { respond, type ModelCatalog, type RouteParts } from '../respond.ts';
import { route } from '../route.ts';
import { shadowExplanationView, shadowView, thingView, type ModelView } from '../views/shadow.ts';
import { shadowRefView } from '../views/parts.ts';
import { pageFrom, pageView, refFrom } from './commands.ts';

export function shadowRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { cloud } = parts;

  route(app, OPERATIONS.getShadow, async ({ request, reply, params }) => {
    const query = readRequest(shadowQuery, request.query, 'query');
    const ref = query.ok ? lookAt(parts, request, params['thing'] ?? '', query.value.name) : query;
    const refresh = query.ok && query.value.refresh === true;
    const report = ref.ok ? await cloud.shadow(ref.value, { refresh }) : ref;
    return respond({ parts, request, reply }, report, shadowView);
  });

  route(app, OPERATIONS.explainShadow, async ({ request, reply, params }) => {
    const query = readRequest(nameQuery, request.query, 'query');
    const ref = query.ok ? lookAt(parts, request, params['thing'] ?? '', query.value.name) : query;
    const explanation = ref.ok ? await cloud.explainShadow(ref.value) : ref;
    return respond({ parts, request, reply }, explanation, shadowExplanationView);
  });

  route(app, OPERATIONS.getThing, async ({ request, reply, params }) => {
    const query = readRequest(emptyQuery, request.query, 'query');
    const thingName = query.ok ? parseThingName(params['thing'] ?? '') : query;
    const report = thingName.ok ? await visibleThing(parts, request, thingName.value) : thingName;
    return respond({ parts, request, reply }, report, thingView);
  });

  route(app, OPERATIONS.listThings, async ({ request, reply }) => {
    const query = readRequest(thingsQuery, request.query, 'query');
    const page = query.ok ? await listThings(parts, request, query.value) : query;
    return respond({ parts, request, reply }, page, ({ items, next }) => pageView(items.map(thingView), next));
  });

  route(app, OPERATIONS.listShadows, async ({ request, reply }) => {
    const query = readRequest(pageQuery, request.query, 'query');
    const scope = visibleTo(parts, request);
    const filter = scope === undefined ? {} : { scope };
    const page = query.ok ? await cloud.shadows(pageFrom(query.value), filter) : query;
    return respond({ parts, request, reply }, page, ({ items, next }) => pageView(items.map(shadowRefView), next));
  });

  route(app, OPERATIONS.listModels, async ({ request, reply }) => {
    const query = readRequest(emptyQuery, request.query, 'query');
    return respond({ parts, request, reply }, query, () => ({ items: (parts.models?.mappings ?? []).map(modelView) }));
  });

  route(app, OPERATIONS.getModel, async ({ request, reply, params }) => {
    const query = readRequest(emptyQuery, request.query, 'query');
    const found = parts.models?.mappings.find(({ model }) => model.id === params['id']);
    const model = found === undefined ? fail(problem('not_found', 'there is no model with this id')) : ok(found);
    return respond({ parts, request, reply }, query.ok ? model : query, (mapping) => ({
      ...modelView(mapping),
      schema: mapping.schema,
    }));
  });
}

/** A shadow that the caller may look at; any other is one that does not exist. */
export function lookAt(
  parts: RouteParts,
  request: FastifyRequest,
  thing: string,
  name: ShadowRef['shadowName'] | undefined,
): Result<ShadowRef, RequestProblem> {
  const thingName = parseThingName(thing);
  if (!thingName.ok) return thingName;
  const ref = refFrom(thingName.value, name);
  const permitted = permit(parts, request, { action: 'look', ref });
  return permitted.ok ? ok(ref) : permitted;
}

/** With the shadows that the caller may look at; without any it is a thing that does not exist. */
async function visibleThing(
  parts: RouteParts,
  request: FastifyRequest,
  thingName: ThingName,
): Promise<Result<ThingReport, RequestProblem>> {
  const scope = visibleTo(parts, request);
  const report = await parts.cloud.thing(thingName);
  if (!report.ok || scope === undefined) return report;
  const shadows = report.value.shadows.filter((ref) => inScope(scope, ref));
  if (shadows.length === 0 && !inScope(scope, { thingName })) {
    return fail(problem('shadow_not_found', 'there is no such thing'));
  }
  return ok({ ...report.value, shadows });
}

/** Shadows come by thing, so a thing is complete when the next one begins. */
async function listThings(
  parts: RouteParts,
  request: FastifyRequest,
  { limit, cursor: start, prefix }: { limit: number; cursor?: string | undefined; prefix?: string | undefined },
): Promise<Result<{ items: readonly ThingReport[]; next: string | undefined }, RequestProblem>> {
  const scope = visibleTo(parts, request);
  const filter = {
    ...(scope === undefined ? {} : { scope }),
    ...(prefix === undefined ? {} : { thingPrefix: prefix }),
  };
  const names: ThingName[] = [];
  // Behind every shadow of the last thing: `~` sorts after all characters of a name.
  for (let cursor = start === undefined ? undefined : `${start}/~`; ;) {
    const page = await parts.cloud.shadows({ limit: 200, ...(cursor === undefined ? {} : { cursor }) }, filter);
    if (!page.ok) return page;
    for (const { thingName } of page.value.items) if (names.at(-1) !== thingName) names.push(thingName);
    cursor = page.value.next;
    if (names.length > limit || cursor === undefined) break;
  }
  const items: ThingReport[] = [];
  for (const thingName of names.slice(0, limit)) {
    const report = await visibleThing(parts, request, thingName);
    if (report.ok) items.push(report.value);
  }
  return ok({ items, next: names.length > limit ? names[limit - 1] : undefined });
}

function modelView({ things, shadowName, model }: ModelCatalog['mappings'][number]): ModelView {
  return {
    id: model.id,
    things,
    ...(shadowName === undefined ? {} : { shadowName }),
    fields: model.fields.map((field) => ({ field, annotations: annotationsOf(model, field) })),
  };
}

function annotationsOf(model: Model, field: Model['fields'][number]) {
  return { ...model.annotations(field) } as ModelView['fields'][number]['annotations'];
}
