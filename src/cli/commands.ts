import type { CommandModule } from './cli.ts';

/** Every verb, with the one line that `shadowctl --help` shows. Its module is loaded only when the verb is used. */
export interface Verb {
  readonly name: string;
  readonly summary: string;
  readonly group: 'Try it' | 'Run it' | 'Change' | 'Look' | 'Act on a command' | 'Act on drift';
  readonly load: () => Promise<CommandModule>;
}

export const VERBS: readonly Verb[] = [
  verb('Try it', 'demo', 'a small local cloud with devices; plays a scenario', () => import('./commands/demo.ts')),
  verb('Run it', 'serve', 'command desk, watcher and HTTP API', () => import('./commands/serve.ts')),
  verb('Run it', 'agent', 'make this machine a device', () => import('./commands/agent.ts')),
  verb('Run it', 'sim', 'the local cloud alone: MQTT broker and shadow service', () => import('./commands/sim.ts')),
  verb('Run it', 'devices', 'simulated devices', () => import('./commands/devices.ts')),
  verb(
    'Run it',
    'keys',
    'API keys in an access file: create, rotate, revoke, list',
    () => import('./commands/keys.ts'),
  ),
  verb('Run it', 'ledger', 'check and back up the ledger file', () => import('./commands/ledger.ts')),
  verb('Change', 'set', 'write a command: these fields, by then', () => import('./commands/set.ts')),
  verb('Change', 'send', 'have a device do something, once', () => import('./commands/send.ts')),
  verb('Change', 'plan', 'what that command would do, without doing it', () => import('./commands/plan.ts')),
  verb('Look', 'things', 'things, their presence and shadows', () => import('./commands/things.ts')),
  verb('Look', 'get', 'a shadow, field by field', () => import('./commands/get.ts')),
  verb('Look', 'diff', 'what differs (exit code 1 if something does)', () => import('./commands/diff.ts')),
  verb('Look', 'explain', 'why is this not applied?', () => import('./commands/explain.ts')),
  verb('Look', 'drift', 'all that differs: since when, why, whose wish', () => import('./commands/drift.ts')),
  verb('Look', 'commands', 'commands and what became of them', () => import('./commands/commands.ts')),
  verb('Look', 'describe', 'one command with its timeline', () => import('./commands/describe.ts')),
  verb('Look', 'watch', 'what happens to commands, as it happens', () => import('./commands/watch.ts')),
  verb(
    'Look',
    'wait',
    'until a command has ended, a thing is connected, nothing differs',
    () => import('./commands/wait.ts'),
  ),
  verb('Try it', 'completion', 'a completion script for your shell', () => import('./commands/completion.ts')),
  verb('Act on a command', 'cancel', 'end an open command', async () => (await act()).cancel),
  verb('Act on a command', 'retry', 'nudge an open one, repeat an ended one', async () => (await act()).retry),
  verb('Act on a command', 'rollback', 'undo what a command wrote', async () => (await act()).rollback),
  verb('Act on a command', 'extend', 'give an open command more time', async () => (await act()).extend),
  verb(
    'Act on drift',
    'acknowledge',
    'somebody knows: off the list, still counted',
    () => import('./commands/acknowledge.ts'),
  ),
  verb(
    'Act on drift',
    'ignore',
    'rules that leave drift out, with a reason and an end',
    () => import('./commands/ignore.ts'),
  ),
];

const act = () => import('./commands/act.ts');

function verb(group: Verb['group'], name: string, summary: string, load: Verb['load']): Verb {
  return { group, name, summary, load };
}
