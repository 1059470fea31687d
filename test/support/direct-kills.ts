import { AgentWorld } from './agent-world.ts';
import { DirectSender } from './direct-sender.ts';
import { eventually } from './eventually.ts';

export interface DirectKillReport {
  readonly kills: number;
  readonly commands: number;
  readonly answers: Readonly<Record<string, number>>;
  /** Ids whose effect came twice although it may not. */
  readonly doubled: readonly string[];
  /** Ids that nobody answered. */
  readonly lost: readonly string[];
  /** Ids with two final answers that differ. */
  readonly contradicted: readonly string[];
  /** Ids that were answered as done and had no effect. */
  readonly untrue: readonly string[];
  /** Numbers of the sequence in the order of their effects. */
  readonly order: readonly number[];
}

const LANES = ['once', 'again', 'ordered'] as const;

/**
 * Commands flow to an agent that is killed `kills` times at random moments; each is asked again and again until it has its
 * answer, as a server would. Every third one belongs to a sequence.
 */
export async function killWhileCommandsFlow(kills: number, fraction: () => number): Promise<DirectKillReport> {
  const world = await AgentWorld.open();
  const sender = await DirectSender.connect(world.cloud.mqttUrl, 'gateway');
  let flowing = true;
  const ids: string[] = [];
  const lost: string[] = [];
  world.start();
  await world.reports(0);

  const lane = async (which: (typeof LANES)[number]): Promise<void> => {
    for (let number = 1; flowing; number += 1) {
      const id = `${which}-${number}`;
      ids.push(id);
      const name = which === 'again' ? 'again' : 'once';
      const sequence = which === 'ordered' ? { sequence: { key: 'k', number } } : {};
      const answered = await asked(sender, { id, name, ...sequence });
      if (!answered) lost.push(id);
    }
  };
  const lanes = LANES.map(lane);
  for (let kill = 1; kill <= kills; kill += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50 + fraction() * 400));
    await world.kill();
    world.start();
    // Now and then also while it boots; otherwise it gets the time to connect and work.
    if (fraction() < 0.7) await world.connected(sender);
  }
  flowing = false;
  await Promise.all(lanes);
  const report = examine({ world, sender, ids, lost, kills });
  await sender.end();
  await world.close();
  return report;
}

async function asked(sender: DirectSender, request: { id: string; name: string }): Promise<boolean> {
  const issuedAt = Date.now();
  const times = { issuedAt, expiresAt: issuedAt + 120_000 } as never;
  for (let attempt = 1; attempt <= 600; attempt += 1) {
    await sender.ask({ ...request, ...(times as object), attempt });
    const answer = eventually(() => sender.finals(request.id)[0], { withinMs: 150, everyMs: 2 });
    if ((await answer.catch(() => undefined)) !== undefined) return true;
  }
  return false;
}

function examine({
  world,
  sender,
  ids,
  lost,
  kills,
}: {
  world: AgentWorld;
  sender: DirectSender;
  ids: readonly string[];
  lost: readonly string[];
  kills: number;
}): DirectKillReport {
  const once = world.ran('once');
  const all = [...once, ...world.ran('again')];
  const answers: Record<string, number> = {};
  const contradicted: string[] = [];
  const untrue: string[] = [];
  for (const id of ids) {
    const finals = sender.finals(id);
    const [first] = finals;
    if (first === undefined) continue;
    const kind = [first.status, first.problem?.code].filter((part) => part !== undefined).join(' ');
    answers[kind] = (answers[kind] ?? 0) + 1;
    if (finals.some((other) => JSON.stringify(other) !== JSON.stringify(first))) contradicted.push(id);
    if (first.status === 'succeeded' && !all.includes(id)) untrue.push(id);
  }
  return {
    kills,
    commands: ids.length,
    answers,
    doubled: once.filter((id, at) => once.indexOf(id) !== at),
    lost,
    contradicted,
    untrue,
    order: once.filter((id) => id.startsWith('ordered-')).map((id) => Number(id.slice('ordered-'.length))),
  };
}
