import { Option, type Command } from 'commander';
import type { AccessFile, KeyEntry } from '../../protocol/access-file.ts';
import { shownPart } from '../../protocol/api-key.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { changeAccessFile, readAccessFile } from '../../adapters/access-file/access-file.ts';
import { addKey, revokeKeys, rotateKey, type CreatedKey } from '../../adapters/access-file/keys.ts';
import { parseDuration } from '../arguments/duration.ts';
import { EXIT, parsedBy, UsageError, type Cli, type ExitCode } from '../cli.ts';
import { table } from '../output/table.ts';

interface KeysOptions {
  readonly access?: string;
  readonly role?: readonly string[];
  readonly variable?: readonly (readonly [string, string])[];
  readonly expiresIn?: number;
  readonly overlap: number;
}

const DAY_MS = 86_400_000;

/** Edits the access file that `serve --access` reads; a running server takes the change over within a second. */
export function define(command: Command, cli: Cli): void {
  const verb = (name: string, summary: string) =>
    command.command(name).description(summary).option('--access <file>', 'the access file (SHADOWCTL_ACCESS)');

  verb('create', 'Make an API key; it is printed once and kept nowhere. Starts the file if there is none.')
    .argument('<name>', 'who uses it: stands as author in commands')
    .requiredOption('--role <role>', 'a role of the access file (repeat for more)', collect)
    .option('--variable <name=value>', 'fills ${name} in the patterns of its roles', collectPair)
    .option('--expires-in <duration>', 'ends by itself', parsedBy(parseDuration))
    .action(
      cli.action(async (name: string, options: KeysOptions) => {
        const now = Date.now();
        const { role = [], variable = [], expiresIn } = options;
        const asked = {
          name,
          roles: role,
          variables: Object.fromEntries(variable),
          ...(expiresIn === undefined ? {} : { expiresAt: new Date(now + expiresIn).toISOString() }),
        };
        return showCreated(cli, await change(cli, options, (before) => addKey(before, asked, now)));
      }),
    );

  verb('rotate', 'Make a second key with the same name and rights; the old ones end after the overlap.')
    .argument('<key>', 'id or name')
    .addOption(
      new Option('--overlap <duration>', 'how long the old ones still work')
        .argParser(parsedBy(parseDuration))
        .default(DAY_MS, '1d'),
    )
    .action(
      cli.action(async (which: string, options: KeysOptions) => {
        const how = { which, overlapMs: options.overlap, nowMs: Date.now() };
        return showCreated(cli, await change(cli, options, (before) => rotateKey(before, how)));
      }),
    );

  verb('revoke', 'End a key at once; its queued commands are not published any more.')
    .argument('<key>', 'id or name')
    .action(
      cli.action(async (which: string, options: KeysOptions) => {
        const ended = await change(cli, options, (before) => revokeKeys(before, which, Date.now()));
        return ended.ok ? showKeys(cli, ended.value) : ended;
      }),
    );

  verb('list', 'The keys there are, without their secrets.').action(
    cli.action(async (options: KeysOptions) => {
      const file = fileFrom(cli, options);
      const read = file.ok ? await readAccessFile(file.value) : file;
      return read.ok ? showKeys(cli, read.value.keys) : read;
    }),
  );
}

async function change<T>(
  cli: Cli,
  options: KeysOptions,
  how: (before: AccessFile | undefined) => Result<{ after: AccessFile; value: T }>,
): Promise<Result<T>> {
  const file = fileFrom(cli, options);
  return file.ok ? changeAccessFile(file.value, how) : file;
}

function fileFrom(cli: Cli, { access }: KeysOptions): Result<string> {
  const file = access ?? cli.env['SHADOWCTL_ACCESS'];
  return file === undefined || file === ''
    ? fail(problem('invalid_usage', 'say which access file: --access FILE or SHADOWCTL_ACCESS'))
    : ok(file);
}

/** The key alone on stdout, so that it can go straight into a secret store. */
function showCreated(cli: Cli, created: Result<CreatedKey>): Result<ExitCode> {
  if (!created.ok) return created;
  const { key, entry } = created.value;
  if (cli.output.json) {
    cli.output.dataJson({ key, ...shown(entry) });
    return ok(EXIT.ok);
  }
  cli.output.talk(`${shownPart(entry.id)} "${entry.name}" (${entry.roles.join(', ')}); this is shown once:`);
  cli.output.data(key);
  return ok(EXIT.ok);
}

function showKeys(cli: Cli, keys: readonly KeyEntry[]): Result<ExitCode> {
  const { output } = cli;
  if (output.json) {
    output.dataJson(keys.map(shown));
    return ok(EXIT.ok);
  }
  const rows = keys.map((key) => [shownPart(key.id), key.name, key.roles.join(', '), stateOf(key), key.createdAt]);
  const columns = ['KEY', 'NAME', 'ROLES', 'STATE', 'CREATED'].map((title) => ({ title, flexible: title === 'ROLES' }));
  output.data(table({ columns, rows, width: output.width, header: output.color.dim }));
  return ok(EXIT.ok);
}

function shown({ id, sha256: _, ...rest }: KeyEntry) {
  return { id: shownPart(id), ...rest };
}

function stateOf({ revokedAt, expiresAt }: KeyEntry): string {
  if (revokedAt !== undefined) return `revoked ${revokedAt}`;
  if (expiresAt === undefined) return 'active';
  return Date.parse(expiresAt) <= Date.now() ? `expired ${expiresAt}` : `until ${expiresAt}`;
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function collectPair(text: string, before: readonly (readonly [string, string])[] = []) {
  const equals = text.indexOf('=');
  if (equals < 1) throw new UsageError(problem('invalid_usage', 'a variable is written name=value', { at: text }));
  return [...before, [text.slice(0, equals), text.slice(equals + 1)] as const];
}
