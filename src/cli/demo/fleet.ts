import { fileURLToPath } from 'node:url';
import type { ServerConfig } from '../../protocol/server-config.ts';

const MODELS = fileURLToPath(new URL('../../../../schemas/models/', import.meta.url));

/** The devices of the demo: one process each, so that each can be switched off or made to hang alone. */
export interface DemoDevice {
  readonly part: string;
  readonly shadows: readonly string[];
  readonly args: (where: { readonly mqtt: string; readonly dir: string }) => readonly string[];
}

export const DEVICES: readonly DemoDevice[] = [
  device('heater', 'heater', 'room-heater'),
  device('bulb', 'bulb', 'lobby-bulb/light', ['--groups', 'bulbs']),
  device('lock', 'lock', 'front-door'),
  device('motor', 'motor', 'pump-motor'),
  device('garage bulb', 'bulb', 'garage-bulb', ['--groups', 'bulbs']),
];

/** Which model the server holds against a command before it is accepted. */
export const SERVER_CONFIG: ServerConfig = {
  groups: { bulbs: ['lobby-bulb', 'garage-bulb'] },
  models: [
    { things: '*-heater', model: `${MODELS}heater.json` },
    { things: '*-bulb', shadow: 'light', model: `${MODELS}bulb.json` },
    { things: '*-bulb', model: `${MODELS}bulb.json` },
    { things: '*-door', model: `${MODELS}lock.json` },
    { things: '*-motor', model: `${MODELS}motor.json` },
  ],
};

function device(part: string, model: string, shadow: string, more: readonly string[] = []): DemoDevice {
  return {
    part,
    shadows: [shadow],
    args: ({ mqtt, dir }) => [
      ...['devices', '--mqtt', mqtt, '--model', model, '--thing', shadow, '--dir', dir],
      ...more,
    ],
  };
}
