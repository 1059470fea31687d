import type { JSX } from 'preact';
import type { CommandView } from '../../http/views/command.ts';
import { paths, post } from '../api.ts';
import { commandHref, go } from '../router.ts';
import { Actions, type Action } from './action-dialog.tsx';

/** What an operator can do about this command now: open ones end or go on, ended ones are repeated or undone. */
export function CommandActions({ command, reload }: { command: CommandView; reload: () => void }): JSX.Element | null {
  return <Actions actions={command.verdict === 'pending' ? whileOpen(command, reload) : onceEnded(command)} />;
}

function whileOpen(command: CommandView, reload: () => void): Action[] {
  return [
    {
      title: 'Nudge',
      explains:
        command.kind === 'direct'
          ? 'Sends the request to the device again, under the same id: nothing is done twice.'
          : 'Asks the shadow service to tell the device again. Nothing is overwritten.',
      confirm: 'Nudge the device',
      perform: (_form, reason) => act(command, 'retry', { reason }),
      done: reload,
    },
    {
      title: 'Extend',
      explains: 'Gives the device more time before the command counts as timed out.',
      confirm: 'Give more time',
      fields: (
        <label>
          More minutes
          <input name="minutes" type="number" min={1} max={525_600} value={10} required />
        </label>
      ),
      perform: (form, reason) => act(command, 'extend', { reason, applyMoreMs: Number(form.get('minutes')) * 60_000 }),
      done: reload,
    },
    {
      title: 'Cancel',
      explains:
        command.kind === 'direct'
          ? 'Takes the command back. A device that works on it is asked to stop, and says what came of it.'
          : `Takes the command back. What the device already did stays; what becomes of the wish follows the command’s own rule (on end: ${command.onEnd}).`,
      confirm: 'Cancel the command',
      perform: (_form, reason) => act(command, 'cancel', { reason }),
      done: reload,
    },
  ];
}

function onceEnded(command: CommandView): Action[] {
  const retry: Action = {
    title: 'Retry',
    explains: 'Makes a new command with the same values, linked to this one.',
    confirm: 'Send it again',
    perform: (_form, reason) => actAndOpen(command, 'retry', reason),
    done: () => undefined,
  };
  const rollback: Action = {
    title: 'Roll back',
    explains: 'Makes a new command that puts back what was desired before this one.',
    confirm: 'Put back the earlier values',
    perform: (_form, reason) => actAndOpen(command, 'rollback', reason),
    done: () => undefined,
  };
  if (command.kind === 'direct') return [retry];
  return command.verdict === 'succeeded' ? [rollback] : [retry, rollback];
}

function act(command: CommandView, verb: string, body: object) {
  return post<CommandView>(`${paths.command(command.id)}/${verb}`, body);
}

async function actAndOpen(command: CommandView, verb: string, reason: string | undefined) {
  const answer = await act(command, verb, { reason });
  if (answer.ok) go(commandHref(answer.value.id));
  return answer;
}
