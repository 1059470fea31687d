import type { Command } from 'commander';
import { ok } from '../../core/result.ts';
import type { DriftView } from '../../http/views/drift.ts';
import { parseShadowArgument } from '../arguments/shadow-argument.ts';
import { authorFrom, withAuthor, type AuthorOptions } from '../author.ts';
import { parsePointer } from '../../core/json/json-pointer.ts';
import { EXIT, type Cli } from '../cli.ts';
import { clientFor, withLook, withServer } from '../http-client.ts';
import { forTerminal } from '../output/terminal.ts';

interface AcknowledgeOptions extends AuthorOptions {
  readonly shadow?: string;
}

/** Says that somebody knows: the field leaves the drift list, stays counted, and comes back if it differs anew. */
export function define(command: Command, cli: Cli): void {
  command
    .argument('<thing>', 'thing name, or thing/shadow')
    .argument('<field...>', 'fields of the drift report, such as /targetC')
    .option('--shadow <name>', 'a named shadow; without it the classic one');
  withServer(withAuthor(command)).action(
    cli.action(async (thing: string, fields: string[], options: AcknowledgeOptions) => {
      const ref = parseShadowArgument(thing, options.shadow);
      if (!ref.ok) return ref;
      for (const field of fields) {
        const pointer = parsePointer(field);
        if (!pointer.ok) return pointer;
      }
      const client = clientFor(cli, options);
      if (!client.ok) return client;
      const { thingName, shadowName: name } = ref.value;
      const path = `/v1/things/${thingName}/shadow/drift/acknowledge`;
      const acknowledged: DriftView[] = [];
      for (const field of fields) {
        const body = { field, ...authorFrom(cli, options) };
        const entry = await client.value.post<DriftView>(path, body, { query: { name } });
        if (!entry.ok) return withLook(entry, 'the same call again is safe');
        acknowledged.push(entry.value);
        if (!cli.output.json) cli.output.data(`${forTerminal(entry.value.shadow)} ${forTerminal(field)} acknowledged`);
      }
      if (cli.output.json) cli.output.dataJson({ items: acknowledged });
      return ok(EXIT.ok);
    }),
  );
}
