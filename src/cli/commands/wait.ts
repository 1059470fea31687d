import type { Command } from 'commander';
import { parseDuration } from '../arguments/duration.ts';
import { parseCommandId } from '../arguments/command-id.ts';
import { parsedBy, type Cli } from '../cli.ts';
import { follow, showCommand } from '../follow.ts';
import { clientFor, withServer } from '../http-client.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<command>', 'command id', parsedBy(parseCommandId))
    .option('--timeout <duration>', 'wait no longer than that', parsedBy(parseDuration));
  withServer(command).action(
    cli.action(async (id: string, options: { timeout?: number; server?: string }) => {
      const client = clientFor(cli, options);
      if (!client.ok) return client;
      const ended = await follow({ cli, client: client.value, id, timeoutMs: options.timeout });
      return ended.ok ? showCommand(cli, ended.value, true) : ended;
    }),
  );
}
