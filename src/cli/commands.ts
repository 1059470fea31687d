import type { CommandModule } from './cli.ts';

/** Every verb, with the one line that `shadowctl --help` shows. Its module is loaded only when the verb is used. */
export interface Verb {
  readonly name: string;
  readonly summary: string;
  readonly group: 'Try it' | 'Run it' | 'Change' | 'Look' | 'Act on a command';
  readonly load: () => Promise<CommandModule>;
}

export const VERBS: readonly Verb[] = [
  verb('Try it', 'demo', 'a small local cloud with devices; plays a scenario', () => import('./commands/demo.ts')),
  verb('Run it', 'serve', 'command desk, watcher and HTTP API', () => import('./commands/serve.ts')),
  verb('Run it', 'agent', 'make this machine a device', () => import('./commands/agent.ts')),
  verb('Run it', 'sim', 'the local cloud alone: MQTT broker and shadow service', () => import('./commands/sim.ts')),
  verb('Run it', 'devices', 'simulated devices', () => import('./commands/devices.ts')),
  verb('Change', 'set', 'write a command: these fields, by then', () => import('./commands/set.ts')),
];

function verb(group: Verb['group'], name: string, summary: string, load: Verb['load']): Verb {
  return { group, name, summary, load };
}
