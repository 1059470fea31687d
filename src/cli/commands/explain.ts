import type { Command } from 'commander';
import { ok } from '../../core/result.ts';
import { isUuidV7 } from '../../core/uuid.ts';
import type { ExplanationView } from '../../http/views/command.ts';
import type { ShadowExplanationView } from '../../http/views/shadow.ts';
import { parseShadowArgument } from '../arguments/shadow-argument.ts';
import { EXIT, type Cli } from '../cli.ts';
import { clientFor, withServer, type ServerOptions } from '../http-client.ts';
import { forTerminal } from '../output/terminal.ts';
import { ago } from '../output/words.ts';

/** Why is this not applied? Of a command, or of all of a shadow. */
export function define(command: Command, cli: Cli): void {
  command
    .argument('<what>', 'command id, thing name, or thing/shadow')
    .option('--shadow <name>', 'a named shadow; without it the classic one');
  withServer(command).action(
    cli.action(async (what: string, options: ServerOptions & { readonly shadow?: string }) => {
      const client = clientFor(cli, options);
      if (!client.ok) return client;
      if (isUuidV7(what)) {
        const explained = await client.value.get<ExplanationView>(`/v1/commands/${what}/explain`);
        if (!explained.ok) return explained;
        if (cli.output.json) cli.output.dataJson(explained.value);
        else cli.output.data(commandWords(explained.value));
        return ok(EXIT.ok);
      }
      const ref = parseShadowArgument(what, options.shadow);
      if (!ref.ok) return ref;
      const path = `/v1/things/${ref.value.thingName}/shadow/explain`;
      const explained = await client.value.get<ShadowExplanationView>(path, { query: { name: ref.value.shadowName } });
      if (!explained.ok) return explained;
      if (cli.output.json) cli.output.dataJson(explained.value);
      else cli.output.data(shadowWords(explained.value));
      return ok(EXIT.ok);
    }),
  );
}

function commandWords({ status, code, words, since }: ExplanationView): string {
  const when = since === undefined ? '' : ` (since ${ago(since)})`;
  return `${status}: ${forTerminal(words)}${when} [${forTerminal(code)}]`;
}

function shadowWords(explanation: ShadowExplanationView): string {
  const { fields, commands, presence, words, shadow } = explanation;
  return [
    `${forTerminal(shadow)}: ${forTerminal(words)} (device ${presence.state} since ${ago(presence.since)})`,
    ...fields.map((field) => `  ${forTerminal(field.field)}: ${forTerminal(field.words)} [${forTerminal(field.code)}]`),
    ...commands.map((command) => `  ${forTerminal(command.commandId)}: ${commandWords(command)}`),
  ].join('\n');
}
