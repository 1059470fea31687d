import { randomUUID } from 'node:crypto';
import { assert } from '../../core/assert.ts';
import type { JsonObject } from '../../core/json/json.ts';
import type { CommandStatus } from '../../core/command/command.ts';
import { ok, type Result } from '../../core/result.ts';
import type { CommandDetailView, CommandView } from '../../http/views/command.ts';
import type { GroupSentView } from '../../http/views/direct.ts';
import type { PageView } from '../../http/views/parts.ts';
import type { Api } from '../../client/api.ts';
import type { World, WorldChange } from './world.ts';

/** One scene: what happens to the world, what is asked for, and what has to come of it. */
export interface Scene {
  readonly title: string;
  readonly before?: readonly WorldChange[];
  /** Sent in order, none waiting for another. */
  readonly sends: readonly Send[];
  /** After everything was sent, before anything is waited for. */
  readonly meanwhile?: readonly Direction[];
}

/** What happens to the world, or to what was sent: it is called off, or the server has to ask again. */
export type Direction = WorldChange | { readonly type: 'cancel' | 'asked_again'; readonly send: number };

/** A wish for a shadow, an action for a thing, or an action for a group. */
export type Send = SendPolicy &
  (
    | { readonly thingName: string; readonly shadowName?: string; readonly desired: JsonObject }
    | { readonly thingName: string; readonly action: string; readonly args?: JsonObject; readonly sequence?: string }
    | { readonly group: string; readonly action: string; readonly args?: JsonObject }
  );

interface SendPolicy {
  readonly applyWithinMs?: number;
  readonly expiresInMs?: number;
  readonly expected: { readonly status: CommandStatus; readonly noop?: true };
}

export interface Played {
  readonly command: CommandView;
  readonly expected: Send['expected'];
  readonly asExpected: boolean;
}

export interface Stage {
  readonly world: World;
  readonly client: Api;
  readonly signal: AbortSignal;
  readonly tell: Teller;
}

/** How the play is shown; nothing here decides anything. */
export interface Teller {
  scene(title: string): void;
  change(change: WorldChange): void;
  sent(send: Send): void;
  cancelled(command: CommandView): void;
  ended(played: Played): void;
}

export async function playScene(scene: Scene, stage: Stage): Promise<Result<readonly Played[]>> {
  stage.tell.scene(scene.title);
  for (const change of scene.before ?? []) {
    const prepared = await happen(change, stage);
    if (!prepared.ok) return prepared;
  }
  const sent: { send: Send; command: CommandView }[] = [];
  for (const send of scene.sends) {
    const created = await create(send, stage);
    if (!created.ok) return created;
    stage.tell.sent(send);
    sent.push(...created.value.map((command) => ({ send, command })));
  }
  for (const direction of scene.meanwhile ?? []) {
    const followed = await follow(direction, sent, stage);
    if (!followed.ok) return followed;
  }
  const all: Played[] = [];
  for (const { send, command } of sent) {
    const ended = await untilEnded(command.id, stage);
    if (!ended.ok) return ended;
    const played = judge(send.expected, ended.value);
    stage.tell.ended(played);
    all.push(played);
  }
  return ok(all);
}

function judge(expected: Send['expected'], command: CommandView): Played {
  const asExpected =
    command.status === expected.status && (command.kind === 'direct' || command.noop === expected.noop);
  return { command, expected, asExpected };
}

async function follow(
  direction: Direction,
  sent: readonly { readonly command: CommandView }[],
  stage: Stage,
): Promise<Result<unknown>> {
  if (!('send' in direction)) return happen(direction, stage);
  const command = sent[direction.send]?.command;
  assert(command !== undefined, 'a direction is about something that was sent');
  if (direction.type === 'asked_again') return untilAskedAgain(command.id, stage);
  stage.tell.cancelled(command);
  return patiently(stage, () =>
    stage.client.post<CommandView>(`/v1/commands/${command.id}/cancel`, { author: 'demo' }),
  );
}

async function happen(change: WorldChange, { world, tell }: Stage): Promise<Result<void>> {
  tell.change(change);
  return world.change(change);
}

/** The server may be killed in the middle: the same idempotency key makes asking again safe. */
async function create(send: Send, stage: Stage): Promise<Result<readonly CommandView[]>> {
  const headers = { 'idempotency-key': randomUUID() };
  const policy = { author: 'demo', applyWithinMs: send.applyWithinMs, expiresInMs: send.expiresInMs };
  const post = <T>(path: string, body: object, name?: string) =>
    patiently(stage, () => stage.client.post<T>(path, { ...policy, ...body }, { query: { name }, headers }));
  if ('group' in send) {
    const body = { kind: 'direct', name: send.action, args: send.args };
    const made = await post<GroupSentView>(`/v1/groups/${send.group}/commands`, body);
    if (!made.ok) return made;
    const parent = made.value.parentId;
    const children = await patiently(stage, () =>
      stage.client.get<PageView<CommandView>>('/v1/commands', { query: { parent } }),
    );
    return children.ok ? ok(children.value.items.toReversed()) : children;
  }
  const path = `/v1/things/${send.thingName}/commands`;
  const made =
    'action' in send
      ? await post<CommandView>(path, { kind: 'direct', name: send.action, args: send.args, sequence: send.sequence })
      : await post<CommandView>(path, { desired: send.desired }, send.shadowName);
  return made.ok ? ok([made.value]) : made;
}

async function untilEnded(id: string, stage: Stage): Promise<Result<CommandView>> {
  for (;;) {
    const look = await patiently(stage, () =>
      stage.client.get<CommandDetailView>(`/v1/commands/${id}`, { waitMs: 5_000 }),
    );
    if (!look.ok || look.value.verdict !== 'pending') return look;
  }
}

/** The request was sent a second time, because nobody had answered the first. */
async function untilAskedAgain(id: string, stage: Stage): Promise<Result<CommandView>> {
  for (;;) {
    const look = await patiently(stage, () => stage.client.get<CommandDetailView>(`/v1/commands/${id}`));
    if (!look.ok || look.value.kind !== 'direct' || look.value.attempts > 1) return look;
    if (look.value.verdict !== 'pending') return look;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

const LOOK_MS = 50;
const SERVER_AWAY_MS_MAX = 60_000;
const SERVER_RETRY_MS = 50;

async function patiently<T>({ signal }: Stage, ask: () => Promise<Result<T>>): Promise<Result<T>> {
  const giveUpAt = performance.now() + SERVER_AWAY_MS_MAX;
  for (;;) {
    const answer = await ask();
    const away = !answer.ok && ['server_unreachable', 'answer_lost', 'transport_offline'].includes(answer.problem.code);
    if (!away || signal.aborted || performance.now() > giveUpAt) return answer;
    await new Promise((resolve) => setTimeout(resolve, SERVER_RETRY_MS));
  }
}
