import type { CommandId } from '../core/brand.ts';
import type { CommandBase } from '../core/command/command.ts';
import { problem } from '../core/problem.ts';
import { fail, type Result } from '../core/result.ts';

/** What acting on a command is refused with, whatever its kind. */

export const notFound = (id: CommandId): Result<never> =>
  fail(problem('command_not_found', `no command ${id.slice(0, 64)}`));

export const ended = ({ status }: Pick<CommandBase, 'status'>): Result<never> =>
  fail(problem('command_ended', `the command has ended: ${status}`));
