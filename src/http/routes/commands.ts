import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type {
  CommandAction,
  CreateCommand,
  CreatedCommand,
  CreatedDirectCommand,
  Settling,
} from '../../cloud/cloud.ts';
import { askedOf } from '../../cloud/publish-gate.ts';
import type { CommandId, ShadowName, ThingName } from '../../core/brand.ts';
import { VERDICT_OF, type CommandStatus } from '../../core/command/command.ts';
import type { AnyCommand } from '../../core/direct/direct-command.ts';
import { isJsonObject, member } from '../../core/json/json.ts';
import { leavesOf } from '../../core/json/json-pointer.ts';
import type { Problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { parseThingName, shadowKey, type ShadowRef } from '../../core/shadow/shadow-ref.ts';
import type { CommandFilter } from '../../ports/ledger.ts';
import type { Closing } from '../closing.ts';
import {
  actBody,
  commandsQuery,
  createCommandBody,
  emptyQuery,
  extendBody,
  nameQuery,
  type pageQuery,
  readCommandId,
  readIdempotencyKey,
  readRequest,
  readWaitMs,
} from '../requests.ts';
import { actorOf, permit, scopedKey, visibleTo } from '../guard.ts';
import { OPERATIONS } from '../operations.ts';
import type { RequestProblem } from '../problem-response.ts';
import { respond, type RouteParts } from '../respond.ts';
import { route } from '../route.ts';
import { defined, fingerprintOf } from './parts.ts';
import { readSend } from './send.ts';
import { commandView, listedCommandView, explanationView, timelineView } from '../views/command.ts';

export function commandRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { cloud } = parts;

  route(app, OPERATIONS.createCommand, async ({ request, reply, params }) => {
    if (isJsonObject(request.body) && member(request.body, 'kind') === 'direct') {
      const send = readSend(parts, request, params['thing'] ?? '');
      const sent = send.ok ? await cloud.createDirect(send.value) : send;
      if (!sent.ok) return respond({ parts, request, reply }, sent, commandView);
      return answerCreated(parts, { request, reply, created: sent.value });
    }
    const asked = readCreate(parts, request, params['thing'] ?? '');
    const created = asked.ok ? await cloud.create(asked.value) : asked;
    if (!created.ok) return respond({ parts, request, reply }, created, commandView);
    return answerCreated(parts, { request, reply, created: created.value });
  });

  route(app, OPERATIONS.listCommands, async ({ request, reply }) => {
    const query = readRequest(commandsQuery, request.query, 'query');
    if (!query.ok) return respond({ parts, request, reply }, query, String);
    const scope = visibleTo(parts, request);
    const filter: CommandFilter = { ...filterFrom(query.value), ...(scope === undefined ? {} : { scope }) };
    const page = await cloud.commands(filter, pageFrom(query.value));
    return respond({ parts, request, reply }, page, ({ items, next }) => pageView(items.map(listedCommandView), next));
  });

  route(app, OPERATIONS.getCommand, async ({ request, reply, params }) => {
    const looked = await lookAt(parts, request, params['id'] ?? '');
    if (!looked.ok) return respond({ parts, request, reply }, looked, String);
    const waitMs = readWaitMs(request.headers.prefer);
    const command = waitMs > 0 ? await settled(parts, { request, reply, command: looked.value, waitMs }) : looked;
    const timeline = await cloud.timeline(looked.value.id);
    return respond({ parts, request, reply }, both(command, timeline), ([found, entries]) => ({
      ...commandView(found),
      timeline: entries.map(timelineView),
    }));
  });

  route(app, OPERATIONS.explainCommand, async ({ request, reply, params }) => {
    const looked = await lookAt(parts, request, params['id'] ?? '');
    const explanation = looked.ok ? await cloud.explainCommand(looked.value.id) : looked;
    return respond({ parts, request, reply }, explanation, explanationView);
  });

  for (const type of ['cancel', 'retry', 'rollback', 'extend'] as const) {
    route(app, OPERATIONS[`${type}Command`], async ({ request, reply, params }) => {
      const asked = await readAct(parts, request, { type, id: params['id'] ?? '' });
      if (!asked.ok) return respond({ parts, request, reply }, asked, String);
      const { id, action } = asked.value;
      const command = await cloud.act(id, action);
      if (command.ok && command.value.id !== id) locate(reply.code(202), command.value.id);
      return respond({ parts, request, reply }, command, commandView);
    });
  }
}

/** A command that the caller may look at; any other is one that does not exist. */
async function lookAt(
  parts: RouteParts,
  request: FastifyRequest,
  text: string,
): Promise<Result<AnyCommand, RequestProblem>> {
  const query = readRequest(emptyQuery, request.query, 'query');
  if (!query.ok) return query;
  const id = readCommandId(text);
  const command = id.ok ? await parts.cloud.command(id.value) : id;
  if (!command.ok) return command;
  const permitted = permit(parts, request, { action: 'look', ref: command.value.ref }, 'command_not_found');
  return permitted.ok ? command : permitted;
}

/**
 * One's own command needs the right to command its fields, that of others the right to operate. What is written anew
 * (retry of an ended one, rollback) needs the right to command the fields in any case: acting on a command is no way
 * around a policy (attack D-11).
 */
async function readAct(
  parts: RouteParts,
  request: FastifyRequest,
  { type, id: text }: { type: CommandAction['type']; id: string },
): Promise<Result<{ id: CommandId; action: CommandAction }, RequestProblem>> {
  const action = readAction(parts, request, type);
  const id = action.ok ? readCommandId(text) : action;
  const command = id.ok ? await parts.cloud.command(id.value) : id;
  if (!command.ok) return command;
  if (!action.ok) return action;
  const { ref, grant } = command.value;
  const isOwn = grant !== undefined && grant.principal === request.principal.id;
  const writes = type === 'rollback' || type === 'retry';
  if (!isOwn) {
    const operating = permit(parts, request, { action: 'operate', ref }, 'command_not_found');
    if (!operating.ok) return operating;
  }
  if (isOwn || writes) {
    const commanding = permit(
      parts,
      request,
      { action: 'command', ref, ...askedOf(command.value) },
      'command_not_found',
    );
    if (!commanding.ok) return commanding;
  }
  const rate = writes ? parts.guard.mayCommand(ref) : ok(undefined);
  return rate.ok ? ok({ id: command.value.id, action: action.value }) : rate;
}

function readCreate(parts: RouteParts, request: FastifyRequest, thing: string): Result<CreateCommand, RequestProblem> {
  const thingName = parseThingName(thing);
  if (!thingName.ok) return thingName;
  const query = readRequest(nameQuery, request.query, 'query');
  if (!query.ok) return query;
  const body = readRequest(createCommandBody, request.body, 'body');
  if (!body.ok) return body;
  const key = readIdempotencyKey(request.headers['idempotency-key'] as string | undefined);
  if (!key.ok) return key;
  const ref = refFrom(thingName.value, query.value.name);
  const { desired, author, kind: _, ...policy } = body.value;
  const fields = parts.access === undefined ? [] : leavesOf(desired).map(([field]) => field);
  const permitted = permit(parts, request, { action: 'command', ref, fields });
  if (!permitted.ok) return permitted;
  const by = actorOf(parts, request, author);
  if (!by.ok) return by;
  const rate = parts.guard.mayCommand(ref);
  if (!rate.ok) return rate;
  const wish = { ref, patch: desired, by: by.value, ...defined(policy) };
  if (key.value === undefined) return ok(wish);
  const fingerprint = fingerprintOf(shadowKey(ref), body.value);
  return ok({ ...wish, idempotency: { key: scopedKey(parts, request, key.value), fingerprint } });
}

export function refFrom(thingName: ThingName, shadowName: ShadowName | undefined): ShadowRef {
  return shadowName === undefined ? { thingName } : { thingName, shadowName };
}

async function answerCreated(
  parts: RouteParts,
  {
    request,
    reply,
    created,
  }: { request: FastifyRequest; reply: FastifyReply; created: CreatedCommand | CreatedDirectCommand },
): Promise<unknown> {
  const { id } = created.command;
  locate(reply, id);
  if (created.replayed) reply.header('idempotency-replayed', 'true');
  const waitMs = readWaitMs(request.headers.prefer);
  const command =
    waitMs > 0 ? await settled(parts, { request, reply, command: created.command, waitMs }) : ok(created.command);
  return respond({ parts, request, reply }, command, (found) => {
    reply.code(VERDICT_OF[found.status] === 'pending' ? 202 : 200);
    return commandView(found);
  });
}

/** The command when it has ended, or as it is when the wait is over, the caller is gone or the server stops. */
export async function settled(
  { cloud, closing }: RouteParts,
  {
    request,
    reply,
    command,
    waitMs,
  }: { request: FastifyRequest; reply: FastifyReply; command: AnyCommand; waitMs: number },
): Promise<Result<AnyCommand>> {
  const [found = ok(command)] = await whileWaiting({ request, reply, closing, waitMs }, [
    cloud.settled(command.id, command.ref),
  ]);
  return found;
}

/** Waits for all of them, until the wait is over, the caller is gone or the server stops. */
export async function whileWaiting(
  {
    request,
    reply,
    closing,
    waitMs,
  }: { request: FastifyRequest; reply: FastifyReply; closing: Closing; waitMs: number },
  waits: readonly Settling[],
): Promise<readonly Result<AnyCommand>[]> {
  const leave = () => {
    for (const wait of waits) wait.giveUp();
  };
  const timer = setTimeout(leave, waitMs);
  const stay = closing.onClose(leave);
  request.raw.socket.once('close', leave);
  reply.header('preference-applied', `wait=${waitMs / 1_000}`);
  try {
    return await Promise.all(waits.map(({ command }) => command));
  } finally {
    request.raw.socket.off('close', leave);
    stay();
    clearTimeout(timer);
  }
}

function readAction(
  parts: RouteParts,
  request: FastifyRequest,
  type: CommandAction['type'],
): Result<CommandAction, RequestProblem> {
  const read = readRequest(type === 'extend' ? extendBody : actBody, request.body ?? {}, 'body');
  if (!read.ok) return read;
  const { author, ...rest } = read.value;
  const by = actorOf(parts, request, author);
  return by.ok ? ok({ type, by: by.value, ...defined(rest) } as CommandAction) : by;
}

function filterFrom(query: z.output<typeof commandsQuery>): CommandFilter {
  const { thing, name, classic, status, verdict, author, from, before, parent } = query;
  return defined({
    thingName: thing,
    shadowName: classic === true ? null : name,
    statuses: statusesOf(status, verdict),
    author,
    createdFrom: from,
    createdBefore: before,
    parentId: parent,
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

export function locate(reply: FastifyReply, id: CommandId): void {
  reply.header('location', `/v1/commands/${id}`);
}

function both<A, B>(left: Result<A>, right: Result<B>): Result<readonly [A, B], Problem> {
  if (!left.ok) return left;
  return right.ok ? ok([left.value, right.value] as const) : fail(right.problem);
}
