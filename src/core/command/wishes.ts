import type { CommandId, FieldPointer } from '../brand.ts';
import { objectFromLeaves, overlaps } from '../json/json-pointer.ts';
import { jsonEqual } from '../json/json-equal.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import { isOpenField } from './clocks.ts';
import type { Command } from './command.ts';

/** One request for several commands of a shadow, oldest first. */
export interface Wishes {
  readonly commands: readonly Command[];
  readonly patch: JsonObject;
  /** By leaf the command whose value it is: the youngest that asks for it. */
  readonly owners: ReadonlyMap<FieldPointer, CommandId>;
  /** Fields that a younger command of the same request overwrites with another value. */
  readonly overwritten: readonly {
    readonly commandId: CommandId;
    readonly field: FieldPointer;
    readonly by: CommandId;
  }[];
}

/**
 * Merges queued commands into one request: as many as follow on, from the oldest. A command with `ifVersion` goes alone,
 * and so does one whose fields lie above or below an earlier one's: sending both at once would not do what sending one
 * after the other does (a removed object keeps its other members). `unsure`: may turn out never to have been asked for, so
 * that it overwrites nobody yet (found by seed 43183).
 */
export function mergeWishes(queued: readonly Command[], unsure?: CommandId): Wishes {
  const commands: Command[] = [];
  const leaves = new Map<FieldPointer, { value: JsonValue; owner: CommandId }>();
  const overwritten: { commandId: CommandId; field: FieldPointer; by: CommandId }[] = [];
  for (const command of queued) {
    if (commands.length > 0 && !joins(command, leaves)) break;
    if (command.id === unsure && overwrites(command, leaves)) break;
    commands.push(command);
    for (const { field, desired } of command.fields.filter(isOpenField)) {
      const earlier = leaves.get(field);
      if (earlier !== undefined && !jsonEqual(earlier.value, desired)) {
        for (const other of commands.slice(0, -1)) {
          const own = other.fields.find((candidate) => candidate.field === field);
          if (own !== undefined && !jsonEqual(own.desired, desired)) {
            overwritten.push({ commandId: other.id, field, by: command.id });
          }
        }
      }
      leaves.set(field, { value: desired, owner: command.id });
    }
    if (command.policy.ifVersion !== undefined) break;
  }
  return {
    commands,
    patch: objectFromLeaves([...leaves].map(([field, { value }]) => [field, value])),
    owners: new Map([...leaves].map(([field, { owner }]) => [field, owner])),
    overwritten,
  };
}

function overwrites({ fields }: Command, leaves: ReadonlyMap<FieldPointer, { readonly value: JsonValue }>): boolean {
  return fields.some(({ field, desired }) => {
    const earlier = leaves.get(field);
    return earlier !== undefined && !jsonEqual(earlier.value, desired);
  });
}

function joins(command: Command, leaves: ReadonlyMap<FieldPointer, unknown>): boolean {
  if (command.policy.ifVersion !== undefined) return false;
  return command.fields.every(({ field }) =>
    [...leaves.keys()].every((other) => other === field || !overlaps({ left: other, right: field })),
  );
}
