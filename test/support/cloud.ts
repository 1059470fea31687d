import assert from 'node:assert/strict';
import { MemoryLedger } from '../../simulators/ledger/memory-ledger.ts';
import { mqttTransport } from '../../src/adapters/aws-iot/transport.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { SystemRandom } from '../../src/adapters/system/random.ts';
import type { Cloud, CreateCommand } from '../../src/cloud/cloud.ts';
import type { CloudOptions } from '../../src/cloud/cloud-options.ts';
import { Engine } from '../../src/cloud/engine.ts';
import type { CommandId } from '../../src/core/brand.ts';
import type { Command } from '../../src/core/command/command.ts';
import type { Result } from '../../src/core/result.ts';
import { parseShadowKey, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import { SILENT } from '../../src/ports/log.ts';

/** A cloud side over a real connection to the broker at `url`. Not started yet. */
export function cloudAt(
  url: string,
  options: Partial<CloudOptions> & { ledger?: Ledger; clientId?: string } = {},
): Cloud {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const { clientId = 'cloud-of-the-test', ...rest } = options;
  const transport = got(mqttTransport({ url, clientId }, { clock, random, log: SILENT }));
  return new Engine({ transport, ledger: new MemoryLedger(), clock, random, log: SILENT, ...rest });
}

export function got<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.problem.code}: ${result.problem.message}`);
  return result.value;
}

export const refOf = (key: string): ShadowRef => got(parseShadowKey(key));

export function aWish(key: string, patch: CreateCommand['patch'], more: Partial<CreateCommand> = {}): CreateCommand {
  return { ref: refOf(key), patch, by: { name: 'anna' }, ...more };
}

/** Creates a command and waits for its end. */
export async function ended(cloud: Cloud, wish: CreateCommand, withinMs = 10_000): Promise<Command> {
  const { command } = got(await cloud.create(wish));
  return endOf(cloud, command.id, withinMs);
}

export async function endOf(cloud: Cloud, id: CommandId, withinMs = 10_000): Promise<Command> {
  const wait = cloud.settled(id);
  const timer = setTimeout(() => wait.giveUp(), withinMs);
  const command = got(await wait.command);
  clearTimeout(timer);
  assert(command.kind === 'shadow', 'it is a command for desired state');
  return command;
}
