import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { NewIgnoreRule } from '../../cloud/cloud.ts';
import type { Scope } from '../../core/access/decide.ts';
import { CLASSIC } from '../../core/access/pattern.ts';
import { epochMs } from '../../core/brand.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { DriftFilter } from '../../ports/ledger.ts';
import { actorOf, permit, permitEverywhere, visibleTo } from '../guard.ts';
import { OPERATIONS } from '../operations.ts';
import type { RequestProblem } from '../problem-response.ts';
import { acknowledgeBody, driftQuery, emptyQuery, ignoreRuleBody, nameQuery, readRequest } from '../requests.ts';
import { respond, type ModelCatalog, type RouteParts } from '../respond.ts';
import { route } from '../route.ts';
import { driftPageText, driftView, ignoreRuleView } from '../views/drift.ts';
import { pageFrom } from './commands.ts';
import { defined } from './parts.ts';
import { lookAt } from './shadows.ts';

const HOUR_MS = 3_600_000;
const AGES_MS = [HOUR_MS, 24 * HOUR_MS, 7 * 24 * HOUR_MS] as const;

export function driftRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { cloud } = parts;

  route(app, OPERATIONS.listDrift, async ({ request, reply }) => {
    const read = readRequest(driftQuery, request.query, 'query');
    const query = read.ok ? withKnownModel(read.value, parts.models) : read;
    if (!query.ok) return respond({ parts, request, reply }, query, String);
    const now = Date.now();
    const scope = visibleTo(parts, request);
    const filter = { ...filterFrom(query.value, parts.models, now), ...(scope === undefined ? {} : { scope }) };
    const page = await cloud.drift(filter, pageFrom(query.value));
    // As bytes: a string beside the headers would be copied twice.
    const printed = (text: string): FastifyReply =>
      reply.type('application/json; charset=utf-8').send(Buffer.from(text));
    // Counting looks at everything that fits, a page does not.
    if (query.value.counts === false) {
      return respond({ parts, request, reply }, page, (found) => printed(driftPageText(found)));
    }
    const counts = await cloud.driftCounts(filter, AGES_MS);
    if (!counts.ok) return respond({ parts, request, reply }, counts, String);
    const { olderThan: [hour = 0, day = 0, week = 0] = [], ...rest } = counts.value;
    const byAge = { underHour: rest.fields - hour, underDay: hour - day, underWeek: day - week, older: week };
    return respond({ parts, request, reply }, page, (found) => printed(driftPageText(found, { ...rest, byAge })));
  });

  route(app, OPERATIONS.acknowledgeDrift, async ({ request, reply, params }) => {
    const query = readRequest(nameQuery, request.query, 'query');
    const ref = query.ok ? lookAt(parts, request, params['thing'] ?? '', query.value.name) : query;
    if (!ref.ok) return respond({ parts, request, reply }, ref, String);
    const permitted = permit(parts, request, { action: 'acknowledge', ref: ref.value });
    const body = permitted.ok ? readRequest(acknowledgeBody, request.body, 'body') : permitted;
    if (!body.ok) return respond({ parts, request, reply }, body, String);
    const { field, author, reason } = body.value;
    const by = actorOf(parts, request, author);
    const entry = by.ok ? await cloud.acknowledgeDrift({ ref: ref.value, field }, by.value, reason) : by;
    return respond({ parts, request, reply }, entry, driftView);
  });

  route(app, OPERATIONS.listIgnoreRules, async ({ request, reply }) => {
    const query = readRequest(emptyQuery, request.query, 'query');
    const rules = query.ok ? await cloud.ignoreRules() : query;
    return respond({ parts, request, reply }, rules, (list) => ({
      // Patterns may name things of others; whoever may not look at all of them sees only how many rules there are not.
      items: visibleTo(parts, request) === undefined ? list.map(ignoreRuleView) : [],
    }));
  });

  route(app, OPERATIONS.addIgnoreRule, async ({ request, reply }) => {
    const asked = readRule(parts, request);
    const rule = asked.ok ? await cloud.addIgnoreRule(asked.value) : asked;
    return respond({ parts, request, reply }, rule, (made) => {
      reply.code(201);
      return ignoreRuleView(made);
    });
  });

  route(app, OPERATIONS.removeIgnoreRule, async ({ request, reply, params }) => {
    const query = readRequest(emptyQuery, request.query, 'query');
    const permitted = query.ok ? permitEverywhere(parts, request, 'acknowledge') : query;
    const by = permitted.ok ? actorOf(parts, request, undefined) : permitted;
    const gone = by.ok ? await cloud.removeIgnoreRule(params['id'] ?? '', by.value) : by;
    return respond({ parts, request, reply }, gone, () => reply.code(204).send());
  });
}

/** A rule speaks of things by pattern, so it takes the right on every thing. */
function readRule(parts: RouteParts, request: FastifyRequest): Result<NewIgnoreRule, RequestProblem> {
  const permitted = permitEverywhere(parts, request, 'acknowledge');
  if (!permitted.ok) return permitted;
  const body = readRequest(ignoreRuleBody, request.body, 'body');
  if (!body.ok) return body;
  const { author, name, ...rule } = body.value;
  const by = actorOf(parts, request, author);
  if (!by.ok) return by;
  const { thing, field, reason, expiresAt } = rule;
  return ok({ thing, field, reason, by: by.value, ...defined({ shadowName: name, expiresAt }) });
}

/** "Nothing differs" would be believed of a slip in the id, too. */
function withKnownModel<Q extends { readonly model?: string | undefined }>(
  query: Q,
  models: ModelCatalog | undefined,
): Result<Q> {
  const { model: asked } = query;
  const known = asked === undefined || models?.mappings.some(({ model }) => model.id === asked) === true;
  if (known) return ok(query);
  return fail(problem('not_found', 'no model of this server has this id: GET /v1/models lists them', { at: asked }));
}

function filterFrom(query: z.output<typeof driftQuery>, models: ModelCatalog | undefined, now: number): DriftFilter {
  const {
    thing,
    things,
    name,
    classic,
    cause,
    model,
    rule,
    olderThanMs,
    counts: _counts,
    limit: _limit,
    cursor: _cursor,
    ...same
  } = query;
  const filter: DriftFilter = defined({
    thingName: thing,
    thingPattern: things,
    shadowName: classic === true ? null : name,
    causes: cause,
    within: model === undefined ? undefined : shadowsOf(model, models),
    ruleId: rule,
    ...same,
    // Asked for by its rule, it is not hidden.
    ...(rule === undefined ? {} : { includeIgnored: true, includeAcknowledged: true }),
  });
  return olderThanMs === undefined ? filter : olderThan(filter, now - olderThanMs);
}

/** The stricter of two instants holds. */
function olderThan(filter: DriftFilter, instant: number): DriftFilter {
  return { ...filter, firstSeenBefore: epochMs(Math.min(instant, filter.firstSeenBefore ?? Infinity)) };
}

/** The first mapping that fits holds: a mapping's shadows are those that fit it and none of another model before it. */
function shadowsOf(id: string, models: ModelCatalog | undefined): readonly Scope[] {
  const mappings = models?.mappings ?? [];
  const parts = mappings.map(({ things, shadowName }) => ({ things: [things], shadows: [shadowName ?? CLASSIC] }));
  return mappings.flatMap(({ model }, at) =>
    model.id === id
      ? [
          {
            allow: parts.slice(at, at + 1),
            deny: parts.filter((_, other) => other < at && mappings[other]?.model.id !== id),
          },
        ]
      : [],
  );
}
