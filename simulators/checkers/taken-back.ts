import type { CommandId, FieldPointer } from '../../src/core/brand.ts';
import type { Command } from '../../src/core/command/command.ts';
import type { Write } from '../../src/core/command/write.ts';
import { leavesOf, valueAt } from '../../src/core/json/json-pointer.ts';
import { member, type JsonObject } from '../../src/core/json/json.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { Sighting } from '../world/sighting.ts';
import type { MakeChecker } from './checker.ts';
import { isOwn } from './evidence.ts';
import { same, touchesDesired } from './service-history.ts';

/** I11: what a command left behind is taken back only while it is its own; who wishes for the same takes it over. */
export const takenBack: MakeChecker = (context) => {
  const { history, durableWrite, violated } = context;
  const commands = new Map<CommandId, Command>();
  return {
    see(_atMs, sighting) {
      if (sighting.type === 'looked' && sighting.command !== undefined) {
        commands.set(sighting.command.id, sighting.command);
      }
      if (sighting.type !== 'service' || sighting.client !== SERVER || sighting.operation !== 'update') return;
      if (sighting.code !== 200) return;
      const token = member(JSON.parse(sighting.payload) as JsonObject, 'clientToken');
      const write = typeof token === 'string' ? durableWrite(token) : undefined;
      if (write?.purpose === 'restore' || write?.purpose === 'withdraw') judge(write, sighting);
    },
  };

  function judge(write: Write, { ref, before }: Extract<Sighting, { type: 'service' }>): void {
    const [id] = write.commandIds;
    const command = id === undefined ? undefined : commands.get(id);
    if (command === undefined) return;
    const what = `${write.purpose} of command ${command.id}`;
    for (const [field] of leavesOf(write.patch)) {
      const wish = command.fields.find((candidate) => candidate.field === field)?.desired;
      const stood = valueAt(before?.state.desired, field);
      if (wish === undefined) continue;
      if (!same(stood, wish)) violated(`${what} overwrote ${field} = ${JSON.stringify(stood)}, which is not its own`);
      else if (isTakenOver(command, field, shadowKey(ref)))
        violated(`${what} took ${field} from who wished for the same`);
    }
  }

  /** Whether somebody else has written it since: as far as a snapshot shows, which tells two only by the second. */
  function isTakenOver(command: Command, field: FieldPointer, key: string): boolean {
    if (command.versionFrom === 'get') return false;
    const life = history.of(key).at(-1)?.incarnation;
    const touched = history
      .of(key)
      .slice(0, -1)
      .filter((one) => one.incarnation === life && touchesDesired(one, field));
    const last = touched.at(-1);
    const own = touched.findLast((one) => isOwn(one, command, context));
    if (last === undefined || own === undefined || last === own) return false;
    return Math.floor(last.atMs / 1_000) !== Math.floor(own.atMs / 1_000);
  }
};
