import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../core/json/json.ts';
import type { CommandStatus } from '../../core/command/command.ts';
import { ok, type Result } from '../../core/result.ts';
import type { CommandDetailView, CommandView } from '../../http/views/command.ts';
import type { Api } from '../../client/api.ts';
import type { World, WorldChange } from './world.ts';

/** One scene: what happens to the world, what is asked for, and what has to come of it. */
export interface Scene {
  readonly title: string;
  readonly before?: readonly WorldChange[];
  /** Sent in order, none waiting for another. */
  readonly sends: readonly Send[];
  /** After everything was sent, before anything is waited for. */
  readonly meanwhile?: readonly WorldChange[];
}

export interface Send {
  readonly thingName: string;
  readonly shadowName?: string;
  readonly desired: JsonObject;
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
  sent(send: Send, command: CommandView): void;
  ended(played: Played): void;
}

export async function playScene(scene: Scene, stage: Stage): Promise<Result<readonly Played[]>> {
  stage.tell.scene(scene.title);
  const prepared = await changeAll(scene.before, stage);
  if (!prepared.ok) return prepared;
  const sent: { send: Send; command: CommandView }[] = [];
  for (const send of scene.sends) {
    const created = await create(send, stage);
    if (!created.ok) return created;
    stage.tell.sent(send, created.value);
    sent.push({ send, command: created.value });
  }
  const changed = await changeAll(scene.meanwhile, stage);
  if (!changed.ok) return changed;
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

async function changeAll(changes: readonly WorldChange[] | undefined, { world, tell }: Stage): Promise<Result<void>> {
  for (const change of changes ?? []) {
    tell.change(change);
    const changed = await world.change(change);
    if (!changed.ok) return changed;
  }
  return ok(undefined);
}

/** The server may be killed in the middle: the same idempotency key makes asking again safe. */
function create({ thingName, shadowName, desired, applyWithinMs, expiresInMs }: Send, stage: Stage) {
  const headers = { 'idempotency-key': randomUUID() };
  const body = { desired, author: 'demo', applyWithinMs, expiresInMs };
  return patiently(stage, () =>
    stage.client.post<CommandView>(`/v1/things/${thingName}/commands`, body, { query: { name: shadowName }, headers }),
  );
}

async function untilEnded(id: string, stage: Stage): Promise<Result<CommandView>> {
  for (;;) {
    const look = await patiently(stage, () =>
      stage.client.get<CommandDetailView>(`/v1/commands/${id}`, { waitMs: 5_000 }),
    );
    if (!look.ok || look.value.verdict !== 'pending') return look;
  }
}

const SERVER_AWAY_MS_MAX = 60_000;
const SERVER_RETRY_MS = 50;

async function patiently<T>({ signal }: Stage, ask: () => Promise<Result<T>>): Promise<Result<T>> {
  const giveUpAt = performance.now() + SERVER_AWAY_MS_MAX;
  for (;;) {
    const answer = await ask();
    const away = !answer.ok && ['server_unreachable', 'transport_offline'].includes(answer.problem.code);
    if (!away || signal.aborted || performance.now() > giveUpAt) return answer;
    await new Promise((resolve) => setTimeout(resolve, SERVER_RETRY_MS));
  }
}
