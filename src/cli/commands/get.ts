import type { Command } from 'commander';
import { ok } from '../../core/result.ts';
import type { ShadowView } from '../../http/views/shadow.ts';
import { parseShadowArgument } from '../arguments/shadow-argument.ts';
import { EXIT, type Cli } from '../cli.ts';
import { clientFor, withServer, type ServerOptions } from '../http-client.ts';
import { fieldTable, shadowHeadline } from '../output/shadow-table.ts';

export interface ShadowOptions extends ServerOptions {
  readonly shadow?: string;
  readonly refresh?: boolean;
}

export function withShadow(command: Command): Command {
  return withServer(
    command
      .argument('<thing>', 'thing name, or thing/shadow')
      .option('--shadow <name>', 'a named shadow; without it the classic one')
      .option('--refresh', 'ask the shadow service first'),
  );
}

/** The shadow that both `get` and `diff` look at. */
export async function readShadow(cli: Cli, thing: string, options: ShadowOptions) {
  const ref = parseShadowArgument(thing, options.shadow);
  if (!ref.ok) return ref;
  const client = clientFor(cli, options);
  if (!client.ok) return client;
  return client.value.get<ShadowView>(`/v1/things/${ref.value.thingName}/shadow`, {
    query: { name: ref.value.shadowName, refresh: options.refresh },
  });
}

export function define(command: Command, cli: Cli): void {
  withShadow(command).action(
    cli.action(async (thing: string, options: ShadowOptions) => {
      const found = await readShadow(cli, thing, options);
      if (!found.ok) return found;
      if (cli.output.json) cli.output.dataJson(found.value);
      else {
        cli.output.talk(shadowHeadline(found.value));
        cli.output.data(fieldTable(found.value.fields, cli.output));
      }
      return ok(EXIT.ok);
    }),
  );
}
