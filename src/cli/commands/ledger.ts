import type { Command } from 'commander';
import { backupLedger, checkLedger, type LedgerFacts } from '../../adapters/sqlite/file-tools.ts';
import { ok, type Result } from '../../core/result.ts';
import { parseStore } from '../arguments/store.ts';
import { EXIT, parsedBy, type Cli, type ExitCode } from '../cli.ts';

interface LedgerOptions {
  readonly store: string;
}

/** Works on the file, so it runs on the server's machine; the server may be running or not. */
export function define(command: Command, cli: Cli): void {
  const verb = (name: string, summary: string) =>
    command
      .command(name)
      .description(summary)
      .option('--store <store>', 'the ledger', parsedBy(parseStore), 'shadowctl.sqlite');

  verb('check', 'Read the whole ledger through and say whether it is sound.').action(
    cli.action(async ({ store }: LedgerOptions) => show(cli, await checkLedger(store))),
  );
  verb('backup', 'Copy the ledger to a new file, whole and checked, while the server works.')
    .argument('<file>', 'where to; must not exist yet')
    .action(cli.action(async (file: string, { store }: LedgerOptions) => show(cli, await backupLedger(store, file))));
  command.addHelpText('after', HELP);
}

function show(cli: Cli, facts: Result<LedgerFacts>): Result<ExitCode> {
  if (!facts.ok) return facts;
  const { path, bytes, schema, commands, open, sequence } = facts.value;
  if (cli.output.json) cli.output.dataJson({ sound: true, ...facts.value });
  else {
    const rows = [
      ['ledger', path],
      ['sound', 'yes'],
      ['size', `${(bytes / 1e6).toFixed(1)} MB`],
      ['schema', String(schema)],
      ['commands', `${commands}, ${open} of them open`],
      ['timeline', `${sequence} entries so far`],
    ];
    cli.output.data(rows.map(([name = '', value = '']) => `${name.padEnd(9)} ${value}`).join('\n'));
  }
  return ok(EXIT.ok);
}

const HELP = `
Examples:
  $ shadowctl ledger check --store sqlite:/var/lib/shadowctl/ledger.sqlite
  $ shadowctl ledger backup --store sqlite:/var/lib/shadowctl/ledger.sqlite /backup/ledger-$(date +%F).sqlite

To restore: stop the server, put the ledger with its -wal and -shm files aside, copy the backup in its place, start.`;
