import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { CreatedGroup } from '../../cloud/cloud.ts';
import type { ThingName } from '../../core/brand.ts';
import { directRef } from '../../core/direct/place.ts';
import { problem } from '../../core/problem.ts';
import { fail, type Result } from '../../core/result.ts';
import type { ShadowRef } from '../../core/shadow/shadow-ref.ts';
import { parseGroupName } from '../../protocol/direct-topics.ts';
import { actorOf, permitEverywhere, scopedKey } from '../guard.ts';
import { OPERATIONS } from '../operations.ts';
import type { RequestProblem } from '../problem-response.ts';
import { emptyQuery, readIdempotencyKey, readRequest, sendGroupBody } from '../requests.ts';
import { respond, type RouteParts } from '../respond.ts';
import { route } from '../route.ts';
import { mayCommandAll, permitAll } from './many.ts';
import { countMismatch, defined, fingerprintOf } from './parts.ts';

/** Direct commands to groups. One to a single thing comes in where every command does, by its `kind`. */
export function directRoutes(app: FastifyInstance, parts: RouteParts): void {
  route(app, OPERATIONS.listGroups, ({ request, reply }) => {
    const query = readRequest(emptyQuery, request.query, 'query');
    // Names of things stand in there, and whoever may not see all of them sees none.
    const permitted = query.ok ? permitEverywhere(parts, request, 'look') : query;
    return respond({ parts, request, reply }, permitted, () => ({ items: parts.cloud.groups() }));
  });

  route(app, OPERATIONS.createGroupCommand, async ({ request, reply, params }) => {
    const made = await sendToGroup(parts, request, params['group'] ?? '');
    return respond({ parts, request, reply }, made, ({ parentId, group, total, replayed }) => {
      reply.code(202).header('location', `/v1/parents/${parentId}`);
      if (replayed) reply.header('idempotency-replayed', 'true');
      return { parentId, group, total };
    });
  });
}

async function sendToGroup(
  parts: RouteParts,
  request: FastifyRequest,
  name: string,
): Promise<Result<CreatedGroup, RequestProblem>> {
  const group = parseGroupName(name);
  if (!group.ok) return group;
  const body = readRequest(sendGroupBody, request.body, 'body');
  if (!body.ok) return body;
  const key = readIdempotencyKey(request.headers['idempotency-key'] as string | undefined);
  if (!key.ok) return key;
  const things = await parts.cloud.members(group.value);
  if (!things.ok) return things;
  const { author, kind: _, expectedCount, ...wish } = body.value;
  if (expectedCount !== undefined && expectedCount !== things.value.length) {
    return fail(countMismatch(things.value.length, expectedCount));
  }
  const refs = things.value.map((thingName: ThingName): ShadowRef => directRef(thingName));
  const permitted = permitAll(parts, request, refs, { action: 'command', command: wish.name });
  if (!permitted.ok) {
    // Who may not know of a member does not learn its name from the group.
    const { code } = permitted.problem;
    return code === 'forbidden' ? permitted : fail(problem('not_found', 'no group of that name is configured'));
  }
  const by = actorOf(parts, request, author);
  if (!by.ok) return by;
  const rate = mayCommandAll(parts, refs);
  if (!rate.ok) return rate;
  const idempotency =
    key.value === undefined
      ? undefined
      : {
          key: scopedKey(parts, request, `${key.value} group`),
          fingerprint: fingerprintOf(`group ${group.value}`, body.value),
        };
  return parts.cloud.createGroup({
    group: group.value,
    things: things.value,
    name: wish.name,
    by: by.value,
    ...defined({ ...wish, idempotency }),
  });
}
