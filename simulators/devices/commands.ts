import { RESULT_BYTES_MAX } from '../../src/core/direct/messages.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/json.ts';
import type { CommandAnswer, CommandOffer } from '../../src/device/command-handler.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { isDeviceKind, type DeviceKind } from './kinds.ts';

/** What a command may do to the device it belongs to. */
export interface CommandedDevice {
  readonly clock: Clock;
  value(field: string): JsonValue | undefined;
  /** As if by hand: the reconciler notices and reports. */
  turn(field: string, value: JsonValue): void;
  /** What the hardware does by itself, also without power to its computer. */
  later(lengthMs: number, happens: () => void): void;
  /** The power goes and comes back. */
  reboot(): void;
}

/** The direct commands that each kind of simulated device offers. Examples of handlers, too. */
export function commandsOf(kind: string, device: CommandedDevice): Readonly<Record<string, CommandOffer>> {
  return isDeviceKind(kind) ? COMMANDS[kind](device) : {};
}

const COMMANDS: Record<DeviceKind, (device: CommandedDevice) => Record<string, CommandOffer>> = {
  lock: (device) => ({ unlock: unlock(device) }),
  heater: (device) => ({ restart: restart(device) }),
  bulb: (device) => ({ send_log: sendLog(device) }),
  motor: (device) => ({ start: start(device), speed: speed(device), stop: stop(device) }),
};

const argsOf = (properties: JsonObject, required: readonly string[] = []): JsonObject => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

/** Opens for one visitor and locks again by itself. Not idempotent: twice would let two people in. */
function unlock(device: CommandedDevice): CommandOffer {
  return {
    args: argsOf(
      {
        visitor: { type: 'string', minLength: 1, maxLength: 64 },
        seconds: { type: 'integer', minimum: 1, maximum: 3_600 },
      },
      ['visitor'],
    ),
    idempotent: false,
    state: () => ({ locked: device.value('/locked') ?? null, battery: device.value('/battery') ?? null }),
    handler: ({ args }) => {
      const seconds = Number(args['seconds'] ?? device.value('/autoLockSeconds') ?? 30);
      device.turn('/locked', false);
      device.later(seconds * 1_000, () => device.turn('/locked', true));
      return Promise.resolve({ result: { visitor: args['visitor'] ?? null, locksAgainInSeconds: seconds } });
    },
  };
}

/** It never sees its own end: the answer is given by the next life, which is called again. */
function restart(device: CommandedDevice): CommandOffer {
  return {
    args: argsOf({ reason: { type: 'string', maxLength: 256 } }),
    idempotent: true,
    handler: ({ again, progress }) => {
      if (again) return Promise.resolve({ result: { restarted: true } });
      progress({ text: 'going down' });
      device.reboot();
      return new Promise(() => undefined);
    },
  };
}

const LOG_BYTES = 4_096;
/** The envelope around the lines. */
const LOG_BYTES_MAX = RESULT_BYTES_MAX - 64;

/** The newest lines of its log, as many as fit. */
function sendLog(device: CommandedDevice): CommandOffer {
  return {
    args: argsOf({ bytes: { type: 'integer', minimum: 256, maximum: LOG_BYTES_MAX } }),
    idempotent: true,
    handler: ({ args }) => {
      const bytesMax = Number(args['bytes'] ?? LOG_BYTES);
      const lines: string[] = [];
      let bytes = 0;
      // A line a minute, back from now.
      for (let minute = Math.floor(device.clock.wall() / 60_000); ; minute -= 1) {
        const at = new Date(minute * 60_000).toISOString();
        const line = `${at} bulb: on=${String(device.value('/on'))} brightness=${String(device.value('/brightness'))}`;
        bytes += line.length + 3;
        if (bytes > bytesMax) return Promise.resolve({ result: { lines: lines.reverse() } });
        lines.push(line);
      }
    },
  };
}

const IDLE_RPM = 100;
const SPIN_UP_MS = 200;

const motorState = (device: CommandedDevice) => (): JsonObject => ({
  running: rpmOf(device) > 0,
  rpm: rpmOf(device),
  direction: device.value('/direction') ?? null,
});

const rpmOf = (device: CommandedDevice): number => Number(device.value('/rpm') ?? 0);

const notRunning: CommandAnswer = { rejected: { code: 'not_running', message: 'the motor does not run' } };

function start(device: CommandedDevice): CommandOffer {
  return {
    args: argsOf({}),
    idempotent: false,
    state: motorState(device),
    handler: async ({ progress }): Promise<CommandAnswer> => {
      if (device.value('/enabled') !== true)
        return { rejected: { code: 'disabled', message: 'the motor is disabled' } };
      if (rpmOf(device) > 0) return { rejected: { code: 'already_running', message: 'the motor runs already' } };
      progress({ percent: 50, text: 'spinning up' });
      await new Promise<void>((resolve) => device.later(SPIN_UP_MS, resolve));
      device.turn('/rpm', IDLE_RPM);
      return {};
    },
  };
}

function speed(device: CommandedDevice): CommandOffer {
  return {
    args: argsOf({ rpm: { type: 'integer', minimum: 10, maximum: 1_500 } }, ['rpm']),
    idempotent: true,
    state: motorState(device),
    handler: ({ args }) => {
      if (rpmOf(device) === 0) return Promise.resolve(notRunning);
      device.turn('/rpm', args['rpm'] ?? 0);
      return Promise.resolve({});
    },
  };
}

function stop(device: CommandedDevice): CommandOffer {
  return {
    args: argsOf({}),
    idempotent: false,
    state: motorState(device),
    handler: () => {
      if (rpmOf(device) === 0) return Promise.resolve(notRunning);
      device.turn('/rpm', 0);
      return Promise.resolve({});
    },
  };
}
