import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { CreatedCommand } from '../../cloud/cloud.ts';
import { epochMs, type CommandId, type ThingName } from '../../core/brand.ts';
import { VERDICT_OF, type Command } from '../../core/command/command.ts';
import { fitsPattern } from '../../core/access/pattern.ts';
import { leavesOf } from '../../core/json/json-pointer.ts';
import { NO_MODEL } from '../../core/model/model.ts';
import { planOf, type ThingPlan } from '../../core/plan/plan.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { ShadowRef } from '../../core/shadow/shadow-ref.ts';
import { UUID_RANDOM_BYTES, uuidV7 } from '../../core/uuid.ts';
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
import { defined, fingerprintOf, refFrom, whileWaiting } from './commands.ts';

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
      const ids = children.value.filter((child) => VERDICT_OF[child.status] === 'pending').map((child) => child.id);
      await whileWaiting({ request, reply, closing: parts.closing, waitMs }, (signal) =>
        Promise.all(ids.map((child) => parts.cloud.settled(child, signal))),
      );
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

/** Which shadows a request is for. One that is forbidden forbids the whole request, and all forbidden ones are named. */
async function targetsOf(
  parts: RouteParts,
  request: FastifyRequest,
  { things, name, expectedCount, desired }: Targets,
): Promise<Result<readonly ShadowRef[], RequestProblem>> {
  const names = 'pattern' in things ? await thingsLike(parts, request, things.pattern) : ok([...new Set(things)]);
  if (!names.ok) return names;
  if (expectedCount !== undefined && expectedCount !== names.value.length) {
    return fail(problem('count_mismatch', `${names.value.length} things are meant, not ${expectedCount}`));
  }
  const fields = leavesOf(desired).map(([field]) => field);
  const refs = names.value.map((thingName) => refFrom(thingName, name));
  const refused = refs.flatMap((ref) => {
    const permitted = permit(parts, request, { action: 'command', ref, fields });
    return permitted.ok ? [] : [{ ref, problem: permitted.problem }];
  });
  const [first] = refused;
  if (first === undefined) return ok(refs);
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
  const modelOf = parts.models?.modelOf ?? (() => NO_MODEL);
  for (const ref of refs.value) {
    const [violation] = modelOf(ref).violations(desired);
    if (violation !== undefined) return fail({ ...violation, message: `${ref.thingName}: ${violation.message}` });
  }
  const created: CreatedCommand[] = [];
  const problems: FanOutView['problems'][number][] = [];
  let parentId = uuidV7(epochMs(Date.now()), randomBytes(UUID_RANDOM_BYTES)) as CommandId;
  const create = async (ref: ShadowRef): Promise<void> => {
    const rate = parts.guard.mayCommand(ref);
    const child = rate.ok
      ? await parts.cloud.create({
          ref,
          patch: desired,
          by: by.value,
          parentId,
          ...defined(policy),
          ...(key.value === undefined
            ? {}
            : {
                idempotency: {
                  key: scopedKey(parts, request, `${key.value} ${ref.thingName}`),
                  fingerprint: fingerprintOf(ref, body.value),
                },
              }),
        })
      : rate;
    if (child.ok) created.push(child.value);
    else problems.push({ thingName: ref.thingName, problem: shown(child.problem) });
    // A repeated request goes on under the parent that its first commands have.
    if (child.ok && child.value.replayed) parentId = child.value.command.parentId ?? parentId;
  };
  const [first, ...rest] = refs.value;
  if (first !== undefined) await create(first);
  const [only] = problems;
  // The same for all of them: a key that was used for another request, a store that is away.
  if (only !== undefined && created.length === 0 && rest.length === 0) {
    return fail(
      problem(only.problem.code, only.problem.message, only.problem.at === undefined ? {} : { at: only.problem.at }),
    );
  }
  if (only?.problem.code === 'idempotency_mismatch') return fail(problem('idempotency_mismatch', only.problem.message));
  await Promise.all(rest.map(create));
  created.sort((left, right) => (left.command.ref.thingName < right.command.ref.thingName ? -1 : 1));
  return ok({
    view: {
      parentId,
      total: refs.value.length,
      commands: created.map(({ command }) => commandView(command)),
      problems,
    },
    replayed: created.length > 0 && created.every(({ replayed }) => replayed),
  });
}

function shown({ code, message, at }: RequestProblem): FanOutView['problems'][number]['problem'] {
  return { code, message, ...(at === undefined ? {} : { at }) };
}

async function childrenOf(
  parts: RouteParts,
  request: FastifyRequest,
  parentId: CommandId,
): Promise<Result<readonly Command[], RequestProblem>> {
  const scope = visibleTo(parts, request);
  const children: Command[] = [];
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
        open: open.flatMap((command) => (command.ok ? [command.value] : [])),
        model: (models?.modelOf ?? (() => NO_MODEL))(ref),
      },
      desired,
    ),
  );
}
