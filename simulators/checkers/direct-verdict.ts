import type { CommandId } from '../../src/core/brand.ts';
import { VERDICT_OF, type CommandStatus } from '../../src/core/command/command.ts';
import { transactionOf, type DirectCommand } from '../../src/core/direct/direct-command.ts';
import type { MakeChecker } from './checker.ts';

/**
 * I25: what the API says of a direct command is true. It succeeds only if its device has done it; one key stands for one
 * command, or for one group with all of its members; who was given an id finds it at the end, ended. The desk calls members
 * of a group off only when as many have failed as its sender said.
 */
export const directVerdict: MakeChecker = ({ violated }) => {
  /** By transaction and thing. */
  const done = new Set<string>();
  const keys = new Map<string, CommandId>();
  const places = new Map<CommandId, string>();
  const groups = new Map<CommandId, { readonly total: number; readonly abortAfter: number }>();
  const members = new Map<CommandId, Map<CommandId, DirectCommand>>();
  const told = new Set<CommandId>();
  let ended = false;
  const judge = (id: CommandId, status: CommandStatus): void => {
    if (VERDICT_OF[status] !== 'succeeded' || done.has(places.get(id) ?? '') || told.has(id)) return;
    told.add(id);
    violated(`command ${id} is ${status}, and the device has not done it`);
  };
  const look = (command: DirectCommand): void => {
    const { id, ref, parentId, group } = command;
    places.set(id, `${transactionOf(command)} ${ref.thingName}`);
    if (parentId !== undefined && group !== undefined) {
      members.set(parentId, (members.get(parentId) ?? new Map<CommandId, DirectCommand>()).set(id, command));
    }
    judge(id, command.status);
  };
  const remember = (key: string | undefined, id: CommandId): void => {
    if (key === undefined) return;
    const known = keys.get(key);
    if (known !== undefined && known !== id) violated(`key ${key} made ${known} and ${id}`);
    keys.set(key, id);
  };
  return {
    see(_atMs, sighting) {
      switch (sighting.type) {
        case 'phase':
          ended = sighting.phase === 'end';
          return;
        case 'action':
          if (sighting.phase === 'done') done.add(`${sighting.id} ${sighting.thing}`);
          return;
        case 'createdDirect': {
          const { request, command } = sighting;
          if (command === undefined) return;
          remember(request.idempotency?.key, command.id);
          return look(command);
        }
        case 'createdGroup': {
          const { request, group } = sighting;
          if (group === undefined) return;
          remember(request.idempotency?.key, group.parentId);
          const known = groups.get(group.parentId)?.total ?? group.total;
          if (known !== group.total) violated(`group ${group.parentId} had ${known} members and has ${group.total}`);
          groups.set(group.parentId, { total: group.total, abortAfter: request.abortAfter ?? Infinity });
          return;
        }
        case 'event':
          if (places.has(sighting.entry.commandId)) judge(sighting.entry.commandId, sighting.entry.status);
          return;
        case 'looked':
          if (places.has(sighting.id) && sighting.problem === 'command_not_found') {
            violated(`command ${sighting.id} was acknowledged and is gone`);
          }
          return;
        case 'lookedDirect': {
          const { id, status } = sighting.command;
          look(sighting.command);
          if (ended && VERDICT_OF[status] === 'pending') violated(`command ${id} never ended: ${status}`);
          return;
        }
        case 'resumed':
          // The stream is read last: everything has been looked at.
          if (ended) for (const [parentId, group] of groups) judgeGroup(parentId, group);
          return;
        default:
      }
    },
  };

  function judgeGroup(parentId: CommandId, { total, abortAfter }: { total: number; abortAfter: number }): void {
    groups.delete(parentId);
    const parts = [...(members.get(parentId)?.values() ?? [])];
    if (parts.length !== total) violated(`group ${parentId} has ${parts.length} commands for ${total} members`);
    const failed = parts.filter(({ status }) => FAILED.includes(status)).length;
    const isCalledOff = parts.some(({ cancel }) => cancel?.by === 'desk');
    if (isCalledOff && failed < abortAfter) {
      violated(`group ${parentId} was called off after ${failed} failures; its sender said ${abortAfter}`);
    }
  }
};

/** What counted as a failure at the time: success may have followed. */
const FAILED: readonly CommandStatus[] = ['failed', 'timed_out', 'expired', 'succeeded_late'];
