import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { parseThingName } from '../../core/shadow/shadow-ref.ts';
import { EXIT, type Cli, type ExitCode } from '../cli.ts';

interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

interface CertsOptions {
  readonly thing: readonly string[];
  readonly application: readonly string[];
  readonly host: readonly string[];
}

const collect = (value: string, previous: readonly string[]) => [...previous, value];

/** `shadowctl sim certs DIR`: an authority, a server and one certificate per thing and application. */
export function defineCertificates(command: Command, cli: Cli): void {
  command
    .command('certs')
    .summary('certificates for mutual TLS with the local cloud')
    .description(
      'Makes ca.crt, server.crt and one certificate per thing and application, each with its .key. An authority that is already there is kept.',
    )
    .argument('<directory>')
    .option('--thing <name>', 'a thing; may be repeated', collect, [])
    .option('--application <name>', 'an application, which may do everything; may be repeated', collect, [])
    .option('--host <name>', 'a name or address of the server besides loopback; may be repeated', collect, [])
    .action(cli.action(async (directory: string, options: CertsOptions) => certs(directory, options, cli)));
}

async function certs(directory: string, options: CertsOptions, cli: Cli): Promise<Result<ExitCode>> {
  const { thing, application, host } = options;
  for (const name of [...thing, ...application]) {
    const parsed = parseThingName(name);
    // A thing's name may hold a colon, which some file systems do not take; the files are named after it all the same.
    if (!parsed.ok) return parsed;
    if (['ca', 'server'].includes(name)) {
      return fail(problem('invalid_usage', `"${name}" is the name of another file here`, { at: name }));
    }
  }
  const { makeCertificates } = await import('../../../simulators/access/certificates.ts');
  try {
    await mkdir(directory, { recursive: true });
    const ca = await readPair(directory, 'ca');
    const made = await makeCertificates({
      things: thing,
      applications: application,
      hosts: host,
      ...(ca === undefined ? {} : { ca }),
    });
    const pairs: [string, KeyPair][] = [['ca', made.ca], ['server', made.server], ...Object.entries(made.clients)];
    for (const [name, { cert, key }] of pairs) {
      await writeFile(join(directory, `${name}.crt`), cert);
      await writeFile(join(directory, `${name}.key`), key, { mode: 0o600 });
    }
    if (cli.output.json) cli.output.dataJson({ directory, certificates: pairs.map(([name]) => name) });
    else cli.output.data(pairs.map(([name]) => join(directory, `${name}.crt`)).join('\n'));
    return ok(EXIT.ok);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    return fail(problem('invalid_config', `certificates cannot be written: ${message}`, { at: directory, cause }));
  }
}

async function readPair(directory: string, name: string): Promise<KeyPair | undefined> {
  try {
    const [cert, key] = await Promise.all([
      readFile(join(directory, `${name}.crt`), 'utf8'),
      readFile(join(directory, `${name}.key`), 'utf8'),
    ]);
    return { cert, key };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
