import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { CommandAction, CreateCommand, CreatedCommand } from '../../cloud/cloud.ts';
import type { CommandId } from '../../core/brand.ts';
import { VERDICT_OF, type Command, type CommandStatus } from '../../core/command/command.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { Problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { parseThingName, shadowKey, type ShadowRef } from '../../core/shadow/shadow-ref.ts';
import type { CommandFilter } from '../../ports/ledger.ts';
import {
  actBody,
  commandsQuery,
  createCommandBody,
  extendBody,
  type pageQuery,
  readCommandId,
  readIdempotencyKey,
  readRequest,
  readWaitMs,
  nameQuery,
} from '../requests.ts';
import { respond, type RouteParts } from '../respond.ts';
import { commandView, explanationView, timelineView } from '../views.ts';

/** Until callers prove who they are, a command whose author gives no name has this one. */
export const AUTHOR_DEFAULT = 'anonymous';

export function commandRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { cloud } = parts;

  app.post<{ Params: { thing: string } }>('/v1/things/:thing/commands', async (request, reply) => {
    const asked = readCreate(request);
    const created = asked.ok ? await cloud.create(asked.value) : asked;
    if (!created.ok) return respond({ parts, request, reply }, created, commandView);
    return answerCreated(parts, { request, reply, created: created.value });
  });

  app.get('/v1/commands', async (request, reply) => {
    const query = readRequest(commandsQuery, request.query, 'query');
    const page = query.ok ? await cloud.commands(filterFrom(query.value), pageFrom(query.value)) : query;
    return respond({ parts, request, reply }, page, ({ items, next }) => pageView(items.map(commandView), next));
  });

  app.get<{ Params: { id: string } }>('/v1/commands/:id', async (request, reply) => {
    const id = readCommandId(request.params.id);
    if (!id.ok) return respond({ parts, request, reply }, id, String);
    const waitMs = readWaitMs(request.headers.prefer);
    const command =
      waitMs > 0 ? await settled(parts, { request, reply, id: id.value, waitMs }) : await cloud.command(id.value);
    const timeline = await cloud.timeline(id.value);
    return respond({ parts, request, reply }, both(command, timeline), ([found, entries]) => ({
      ...commandView(found),
      timeline: entries.map(timelineView),
    }));
  });

  app.get<{ Params: { id: string } }>('/v1/commands/:id/explain', async (request, reply) => {
    const id = readCommandId(request.params.id);
    const explanation = id.ok ? await cloud.explainCommand(id.value) : id;
    return respond({ parts, request, reply }, explanation, explanationView);
  });

  for (const type of ['cancel', 'retry', 'rollback', 'extend'] as const) {
    app.post<{ Params: { id: string } }>(`/v1/commands/:id/${type}`, async (request, reply) => {
      const id = readCommandId(request.params.id);
      if (!id.ok) return respond({ parts, request, reply }, id, String);
      const action = readAction(type, request.body);
      const command = action.ok ? await cloud.act(id.value, action.value) : action;
      if (command.ok && command.value.id !== id.value) locate(reply.code(202), command.value.id);
      return respond({ parts, request, reply }, command, commandView);
    });
  }
}

function readCreate(request: FastifyRequest<{ Params: { thing: string } }>): Result<CreateCommand> {
  const thingName = parseThingName(request.params.thing);
  if (!thingName.ok) return thingName;
  const query = readRequest(nameQuery, request.query, 'query');
  if (!query.ok) return query;
  const body = readRequest(createCommandBody, request.body, 'body');
  if (!body.ok) return body;
  const key = readIdempotencyKey(request.headers['idempotency-key'] as string | undefined);
  if (!key.ok) return key;
  const ref: ShadowRef =
    query.value.name === undefined
      ? { thingName: thingName.value }
      : { thingName: thingName.value, shadowName: query.value.name };
  const { desired, author, kind: _, ...policy } = body.value;
  return ok({
    ref,
    patch: desired,
    by: { name: author ?? AUTHOR_DEFAULT },
    ...defined(policy),
    ...(key.value === undefined ? {} : { idempotency: { key: key.value, fingerprint: fingerprint(ref, body.value) } }),
  });
}

/** The same request, however its members are ordered, has the same fingerprint. */
function fingerprint(ref: ShadowRef, body: z.output<typeof createCommandBody>): string {
  return createHash('sha256')
    .update(`${shadowKey(ref)}\n${canonicalJson(body)}`)
    .digest('hex');
}

async function answerCreated(
  parts: RouteParts,
  { request, reply, created }: { request: FastifyRequest; reply: FastifyReply; created: CreatedCommand },
): Promise<unknown> {
  const { id } = created.command;
  locate(reply, id);
  if (created.replayed) reply.header('idempotency-replayed', 'true');
  const waitMs = readWaitMs(request.headers.prefer);
  const command = waitMs > 0 ? await settled(parts, { request, reply, id, waitMs }) : ok(created.command);
  return respond({ parts, request, reply }, command, (found) => {
    reply.code(VERDICT_OF[found.status] === 'pending' ? 202 : 200);
    return commandView(found);
  });
}

/** The command when it has ended, or as it is when the wait is over, the caller is gone or the server stops. */
async function settled(
  { cloud, closing }: RouteParts,
  { request, reply, id, waitMs }: { request: FastifyRequest; reply: FastifyReply; id: CommandId; waitMs: number },
): Promise<Result<Command>> {
  const gone = new AbortController();
  const leave = () => gone.abort();
  request.raw.socket.once('close', leave);
  reply.header('preference-applied', `wait=${waitMs / 1_000}`);
  const result = await cloud.settled(id, AbortSignal.any([AbortSignal.timeout(waitMs), closing, gone.signal]));
  request.raw.socket.off('close', leave);
  return result;
}

function readAction(type: CommandAction['type'], body: unknown): Result<CommandAction> {
  const read = readRequest(type === 'extend' ? extendBody : actBody, body ?? {}, 'body');
  if (!read.ok) return read;
  const { author, ...rest } = read.value;
  return ok({ type, by: { name: author ?? AUTHOR_DEFAULT }, ...defined(rest) } as CommandAction);
}

function filterFrom(query: z.output<typeof commandsQuery>): CommandFilter {
  const { thing, name, classic, status, verdict, author, from, before } = query;
  return defined({
    thingName: thing,
    shadowName: classic === true ? null : name,
    statuses: statusesOf(status, verdict),
    author,
    createdFrom: from,
    createdBefore: before,
  });
}

/** A verdict stands for its statuses; with both given, a command has to match both. */
function statusesOf(
  status: readonly CommandStatus[] | undefined,
  verdict: readonly string[] | undefined,
): CommandStatus[] | undefined {
  if (status === undefined && verdict === undefined) return undefined;
  const all = status ?? (Object.keys(VERDICT_OF) as CommandStatus[]);
  return all.filter((each) => verdict === undefined || verdict.includes(VERDICT_OF[each]));
}

export function pageFrom({ limit, cursor }: z.output<typeof pageQuery>): { limit: number; cursor?: string } {
  return cursor === undefined ? { limit } : { limit, cursor };
}

export function pageView<T>(items: readonly T[], next: string | undefined): { items: readonly T[]; next?: string } {
  return next === undefined ? { items } : { items, next };
}

function locate(reply: FastifyReply, id: CommandId): void {
  reply.header('location', `/v1/commands/${id}`);
}

function both<A, B>(left: Result<A>, right: Result<B>): Result<readonly [A, B], Problem> {
  if (!left.ok) return left;
  return right.ok ? ok([left.value, right.value] as const) : fail(right.problem);
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the members that are undefined; zod gives optional ones as such. */
export function defined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>;
}
