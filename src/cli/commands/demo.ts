import type { Command } from 'commander';
import { problem } from '../../core/problem.ts';
import { fail } from '../../core/result.ts';
import type { Cli } from '../cli.ts';

export function define(command: Command, cli: Cli): void {
  command.action(cli.action(async () => fail(problem('internal', '"demo" is not built yet'))));
}
