import type { Command } from 'commander';
import { parseCount } from '../arguments/count.ts';
import { parsedBy, type Cli } from '../cli.ts';

interface DemoOptions {
  readonly once?: boolean;
  readonly dir?: string;
  readonly mqttPort?: number;
  readonly httpPort?: number;
}

export function define(command: Command, cli: Cli): void {
  const port = parsedBy(parseCount);
  command
    .option('--once', 'play the scenario to its end, print the verdicts and exit')
    .option('--dir <path>', 'keep the ledger here (default: a temporary directory, removed at the end)')
    .option('--mqtt-port <port>', 'for the broker (default 1883, or a free one if that is taken)', port)
    .option('--http-port <port>', 'for the API (default 8080, or a free one if that is taken)', port)
    .addHelpText('after', HELP)
    .action(
      cli.action(async (options: DemoOptions) => {
        const { runDemo } = await import('../demo/run.ts');
        return runDemo(cli, options);
      }),
    );
}

const HELP = `
Runs on loopback only, needs no account, and leaves nothing behind.

Examples:
  $ shadowctl demo --once      every verdict, actions and a group; exit code 0 if each is as it should be
  $ shadowctl demo             the same, and then stays up for you to play with`;
