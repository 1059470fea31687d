import type { Command } from 'commander';
import type { CommandView } from '../../http/views/command.ts';
import { parseCommandId } from '../arguments/command-id.ts';
import { parseDuration } from '../arguments/duration.ts';
import { authorFrom, withAuthor, type AuthorOptions } from '../author.ts';
import { parsedBy, type Cli, type CommandModule } from '../cli.ts';
import { problem } from '../../core/problem.ts';
import { fail } from '../../core/result.ts';
import { follow, showCommand } from '../follow.ts';
import { clientFor, withLook, withServer } from '../http-client.ts';

interface ActOptions extends AuthorOptions {
  readonly wait?: boolean;
  readonly timeout?: number;
}

/** What operators do to a command. Whether it is allowed in its state is the server's to say. */
export const cancel = act('cancel');
export const retry = act('retry');
export const rollback = act('rollback');

/** What a device is doing, only the device can end: it may be done with it before it hears that it should stop. */
const ASKED_TO_STOP =
  'not cancelled yet: the device was asked to stop and says what came of it; follow it with: shadowctl wait';

function act(type: 'cancel' | 'retry' | 'rollback'): CommandModule {
  return {
    define(command: Command, cli: Cli): void {
      command.argument('<command>', 'command id', parsedBy(parseCommandId));
      if (type !== 'cancel') {
        command
          .option('--wait', "wait for the end; the exit code is the verdict's")
          .option('--timeout <duration>', 'wait no longer than that (implies --wait)', parsedBy(parseDuration));
      }
      withServer(withAuthor(command)).action(
        cli.action(async (id: string, options: ActOptions) => {
          const client = clientFor(cli, options);
          if (!client.ok) return client;
          const acted = await client.value.post<CommandView>(`/v1/commands/${id}/${type}`, authorFrom(cli, options));
          if (!acted.ok) return withLook(acted, lookAtActed(type, id));
          if (options.wait !== true && options.timeout === undefined) {
            const shown = showCommand(cli, acted.value, false);
            if (type === 'cancel' && acted.value.verdict === 'pending') cli.output.talk(`${ASKED_TO_STOP} ${id}`);
            return shown;
          }
          const ended = await follow({ cli, client: client.value, id: acted.value.id, timeoutMs: options.timeout });
          return ended.ok ? showCommand(cli, ended.value, true) : ended;
        }),
      );
    },
  };
}

export const extend: CommandModule = {
  define(command: Command, cli: Cli): void {
    command
      .argument('<command>', 'command id', parsedBy(parseCommandId))
      .option('--apply-more <duration>', 'add to the time the device has to act', parsedBy(parseDuration))
      .option('--expires-in <duration>', 'the new end of it all, from now', parsedBy(parseDuration));
    withServer(withAuthor(command)).action(
      cli.action(
        async (id: string, options: ActOptions & { readonly applyMore?: number; readonly expiresIn?: number }) => {
          if (options.applyMore === undefined && options.expiresIn === undefined) {
            return fail(
              problem('invalid_usage', 'say what to extend: --apply-more DURATION, --expires-in DURATION or both'),
            );
          }
          const client = clientFor(cli, options);
          if (!client.ok) return client;
          const extended = await client.value.post<CommandView>(`/v1/commands/${id}/extend`, {
            ...authorFrom(cli, options),
            applyMoreMs: options.applyMore,
            expiresAt:
              options.expiresIn === undefined ? undefined : new Date(Date.now() + options.expiresIn).toISOString(),
          });
          if (!extended.ok) return withLook(extended, lookAtActed('extend', id));
          return showCommand(cli, extended.value, false);
        },
      ),
    );
  },
};

/** A retry of an ended command and a rollback make a new one; the rest stands in the timeline of the old one. */
function lookAtActed(type: 'cancel' | 'retry' | 'rollback' | 'extend', id: string): string {
  const look = `look with "shadowctl describe ${id}"`;
  return type === 'cancel' || type === 'extend' ? look : `${look} and "shadowctl commands"`;
}
