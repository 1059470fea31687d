import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { CommandId, ThingName } from '../../core/brand.ts';
import { VERDICT_OF } from '../../core/command/command.ts';
import type { AnyCommand } from '../../core/direct/direct-command.ts';
import type { AccessQuestion } from '../../core/access/access.ts';
import { fitsPattern } from '../../core/access/pattern.ts';
import { leavesOf } from '../../core/json/json-pointer.ts';
import { NO_MODEL } from '../../core/model/model.ts';
import { planOf, type ThingPlan } from '../../core/plan/plan.ts';
import { problem } from '../../core/problem.ts';
import { done, fail, ok, type Result } from '../../core/result.ts';
import type { ShadowRef } from '../../core/shadow/shadow-ref.ts';
import { actorOf, permit, scopedKey, visibleTo } from '../guard.ts';
import { OPERATIONS } from '../operations.ts';
import type { RequestProblem } from '../problem-response.ts';
import {
  emptyQuery,
  fanOutBody,
  planBody,
  readCommandId,
  readIdempotencyKey,
  readRequest,
  readWaitMs,
  THINGS_MAX,
} from '../requests.ts';
import { respond, type RouteParts } from '../respond.ts';
import { route } from '../route.ts';
import { aggregateView, planView, type FanOutView } from '../views/many.ts';
import { commandView } from '../views/command.ts';
import { refFrom, whileWaiting } from './commands.ts';
import { countMismatch, defined, fingerprintOf } from './parts.ts';

/** One request for many things, and what it would do. */
export function manyRoutes(app: FastifyInstance, parts: RouteParts): void {
  route(app, OPERATIONS.createCommands, async ({ request, reply }) => {
    const made = await fanOut(parts, request);
    return respond({ parts, request, reply }, made, ({ view, replayed }) => {
      reply.code(202).header('location', `/v1/parents/${view.parentId}`);
      if (replayed) reply.header('idempotency-replayed', 'true');
      return view;
    });
  });

  route(app, OPERATIONS.plan, async ({ request, reply }) => {
    const body = readRequest(planBody, request.body, 'body');
    const refs = body.ok ? await targetsOf(parts, request, body.value) : body;
    if (!body.ok || !refs.ok) return respond({ parts, request, reply }, refs, String);
    const plans = await Promise.all(refs.value.map((ref) => plan(parts, ref, body.value)));
    const failed = plans.find((each) => !each.ok);
    if (failed !== undefined && !failed.ok) return respond({ parts, request, reply }, failed, String);
    return planView(plans.flatMap((each) => (each.ok ? [each.value] : [])));
  });

  route(app, OPERATIONS.getAggregate, async ({ request, reply, params }) => {
    const query = readRequest(emptyQuery, request.query, 'query');
    const id = query.ok ? readCommandId(params['id'] ?? '') : query;
    if (!id.ok) return respond({ parts, request, reply }, id, String);
    const look = () => childrenOf(parts, request, id.value);
    const waitMs = readWaitMs(request.headers.prefer);
    let children = await look();
    if (waitMs > 0 && children.ok) {
      const pending = children.value.filter((child) => VERDICT_OF[child.status] === 'pending');
      const waits = pending.map(({ id: child, ref }) => parts.cloud.settled(child, ref));
      await whileWaiting({ request, reply, closing: parts.closing, waitMs }, waits);
      children = await look();
    }
    return respond({ parts, request, reply }, children, (found) => aggregateView(id.value, found));
  });
}

interface Targets {
  readonly things: readonly ThingName[] | { readonly pattern: string };
  readonly name?: ShadowRef['shadowName'] | undefined;
  readonly expectedCount?: number | undefined;
  readonly desired: z.output<typeof planBody>['desired'];
}

/** Which shadows a request is for. */
async function targetsOf(
  parts: RouteParts,
  request: FastifyRequest,
  { things, name, expectedCount, desired }: Targets,
): Promise<Result<readonly ShadowRef[], RequestProblem>> {
  const names = 'pattern' in things ? await thingsLike(parts, request, things.pattern) : ok([...new Set(things)]);
  if (!names.ok) return names;
  if (expectedCount !== undefined && expectedCount !== names.value.length) {
    return fail(countMismatch(names.value.length, expectedCount));
  }
  const fields = leavesOf(desired).map(([field]) => field);
  const refs = names.value.map((thingName) => refFrom(thingName, name));
  const permitted = permitAll(parts, request, refs, { action: 'command', fields });
  return permitted.ok ? ok(refs) : permitted;
}

/** One that is forbidden forbids all, and all forbidden ones are named. */
export function permitAll(
  parts: RouteParts,
  request: FastifyRequest,
  refs: readonly ShadowRef[],
  question: Omit<AccessQuestion, 'ref'>,
): Result<void, RequestProblem> {
  const refused = refs.flatMap((ref) => {
    const permitted = permit(parts, request, { ...question, ref });
    return permitted.ok ? [] : [{ ref, problem: permitted.problem }];
  });
  const [first] = refused;
  if (first === undefined) return done;
  return fail({
    ...first.problem,
    errors: refused.slice(0, 100).flatMap(({ ref, problem: { code, message, errors = [] } }) => {
      if (code !== 'forbidden') return [{ at: ref.thingName, detail: 'not there, or not yours to see' }];
      return errors.length === 0
        ? [{ at: ref.thingName, detail: message }]
        : errors.map(({ at, detail }) => ({ at: `${ref.thingName}${at}`, detail }));
    }),
  });
}

/** The things this server knows and the caller may look at. */
async function thingsLike(
  { cloud, ...parts }: RouteParts,
  request: FastifyRequest,
  pattern: string,
): Promise<Result<ThingName[], RequestProblem>> {
  const scope = visibleTo({ cloud, ...parts }, request);
  const [thingPrefix = ''] = pattern.split('*');
  const filter = { ...(scope === undefined ? {} : { scope }), ...(thingPrefix === '' ? {} : { thingPrefix }) };
  const found = new Set<ThingName>();
  for (let cursor: string | undefined; ;) {
    const page = await cloud.shadows({ limit: 500, ...(cursor === undefined ? {} : { cursor }) }, filter);
    if (!page.ok) return page;
    for (const { thingName } of page.value.items) if (fitsPattern({ pattern, text: thingName })) found.add(thingName);
    if (found.size > THINGS_MAX) {
      return fail(
        problem('count_mismatch', `more than ${THINGS_MAX} things are meant; that is more than one request takes`),
      );
    }
    cursor = page.value.next;
    if (cursor === undefined) return ok([...found]);
  }
}

async function fanOut(
  parts: RouteParts,
  request: FastifyRequest,
): Promise<Result<{ view: FanOutView; replayed: boolean }, RequestProblem>> {
  const body = readRequest(fanOutBody, request.body, 'body');
  if (!body.ok) return body;
  const key = readIdempotencyKey(request.headers['idempotency-key'] as string | undefined);
  if (!key.ok) return key;
  if ('pattern' in body.value.things && body.value.expectedCount === undefined) {
    const why = 'a pattern needs expectedCount, so that nobody commands more things than meant; the plan shows it';
    return fail(problem('invalid_request', `/expectedCount: ${why}`, { at: '/expectedCount' }));
  }
  const refs = await targetsOf(parts, request, body.value);
  if (!refs.ok) return refs;
  const { desired, author, kind: _, things: _things, name: _name, expectedCount: _count, ...policy } = body.value;
  const by = actorOf(parts, request, author);
  if (!by.ok) return by;
  const rate = mayCommandAll(parts, refs.value);
  if (!rate.ok) return rate;
  const idempotency =
    key.value === undefined
      ? {}
      : {
          idempotency: {
            key: scopedKey(parts, request, `${key.value} many`),
            fingerprint: fingerprintOf('many', body.value),
          },
        };
  const made = await parts.cloud.createMany({
    ...{ refs: refs.value, patch: desired, by: by.value },
    ...defined(policy),
    ...idempotency,
  });
  if (!made.ok) return made;
  const { parentId, commands, replayed } = made.value;
  return ok({ view: { parentId, total: commands.length, commands: commands.map(commandView) }, replayed });
}

/** One thing that had too many commands refuses the whole request: half a fan-out helps nobody. */
export function mayCommandAll({ guard }: RouteParts, refs: readonly ShadowRef[]): Result<void, RequestProblem> {
  const refused = refs.flatMap((ref) => {
    const rate = guard.mayCommand(ref);
    return rate.ok ? [] : [{ ref, problem: rate.problem }];
  });
  const [first] = refused;
  if (first === undefined) return done;
  const retryAfterS = Math.max(...refused.map((each) => each.problem.retryAfterS ?? 1));
  const errors = refused.slice(0, 100).map(({ ref, problem: { message } }) => ({ at: ref.thingName, detail: message }));
  return fail({ ...first.problem, retryAfterS, errors });
}

async function childrenOf(
  parts: RouteParts,
  request: FastifyRequest,
  parentId: CommandId,
): Promise<Result<readonly AnyCommand[], RequestProblem>> {
  const scope = visibleTo(parts, request);
  const children: AnyCommand[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await parts.cloud.commands(
      { parentId, ...(scope === undefined ? {} : { scope }) },
      { limit: 500, ...(cursor === undefined ? {} : { cursor }) },
    );
    if (!page.ok) return page;
    children.push(...page.value.items);
    cursor = page.value.next;
    if (cursor === undefined) break;
  }
  return children.length > 0 ? ok(children) : fail(problem('command_not_found', 'no command has this parent'));
}

async function plan(
  { cloud, models }: RouteParts,
  ref: ShadowRef,
  { desired }: z.output<typeof planBody>,
): Promise<Result<ThingPlan, RequestProblem>> {
  const report = await cloud.shadow(ref);
  if (!report.ok && report.problem.code !== 'shadow_not_found') return report;
  const thing = await cloud.thing(ref.thingName);
  if (!thing.ok) return thing;
  const open = report.ok ? await Promise.all(report.value.openCommands.map((id) => cloud.command(id))) : [];
  const value = report.ok ? report.value : undefined;
  return ok(
    planOf(
      {
        ref,
        state: defined({ desired: value?.desired, reported: value?.reported }),
        ...(value === undefined || value.version === 0 ? {} : { version: value.version }),
        presence: thing.value.presence.state,
        open: open.flatMap((command) => (command.ok && command.value.kind === 'shadow' ? [command.value] : [])),
        model: (models?.modelOf ?? (() => NO_MODEL))(ref),
      },
      desired,
    ),
  );
}
