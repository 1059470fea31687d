import type { CommandId } from '../../src/core/brand.ts';
import { VERDICT_OF, type CommandStatus } from '../../src/core/command/command.ts';
import type { MakeChecker } from './checker.ts';

/**
 * I25: what the API says of a direct command is true. It succeeds only if the device has done it; one key stands for one
 * command; who was given an id finds it at the end, ended.
 */
export const directVerdict: MakeChecker = ({ violated }) => {
  const done = new Set<string>();
  const keys = new Map<string, CommandId>();
  const ids = new Set<CommandId>();
  const told = new Set<CommandId>();
  let ended = false;
  const judge = (id: CommandId, status: CommandStatus): void => {
    if (VERDICT_OF[status] !== 'succeeded' || done.has(id) || told.has(id)) return;
    told.add(id);
    violated(`command ${id} is ${status}, and the device has not done it`);
  };
  return {
    see(_atMs, sighting) {
      switch (sighting.type) {
        case 'phase':
          ended = sighting.phase === 'end';
          return;
        case 'action':
          if (sighting.phase === 'done') done.add(sighting.id);
          return;
        case 'createdDirect': {
          const { request, command } = sighting;
          const key = request.idempotency?.key;
          if (command === undefined || key === undefined) return;
          const known = keys.get(key);
          if (known !== undefined && known !== command.id) violated(`key ${key} made ${known} and ${command.id}`);
          keys.set(key, command.id);
          ids.add(command.id);
          return judge(command.id, command.status);
        }
        case 'event':
          if (ids.has(sighting.entry.commandId)) judge(sighting.entry.commandId, sighting.entry.status);
          return;
        case 'looked':
          if (ids.has(sighting.id) && sighting.problem === 'command_not_found') {
            violated(`command ${sighting.id} was acknowledged and is gone`);
          }
          return;
        case 'lookedDirect': {
          const { id, status } = sighting.command;
          judge(id, status);
          if (ended && VERDICT_OF[status] === 'pending') violated(`command ${id} never ended: ${status}`);
          return;
        }
        default:
      }
    },
  };
};
