import type { Command } from 'commander';
import { ok } from '../../core/result.ts';
import { EXIT, type Cli } from '../cli.ts';
import { fieldTable, shadowHeadline } from '../output/shadow-table.ts';
import { readShadow, withShadow, type ShadowOptions } from './get.ts';

export function define(command: Command, cli: Cli): void {
  withShadow(command)
    .option('--no-exit-code', 'exit 0 even when fields differ')
    .action(
      cli.action(async (thing: string, options: ShadowOptions & { readonly exitCode: boolean }) => {
        const found = await readShadow(cli, thing, options);
        if (!found.ok) return found;
        const differing = found.value.fields.filter(({ converged, desired }) => !converged && desired !== undefined);
        if (cli.output.json) cli.output.dataJson({ ...found.value, fields: differing });
        else {
          cli.output.talk(shadowHeadline(found.value));
          if (differing.length === 0) cli.output.talk('nothing differs');
          else cli.output.data(fieldTable(differing, cli.output));
        }
        return ok(differing.length > 0 && options.exitCode ? EXIT.differs : EXIT.ok);
      }),
    );
}
