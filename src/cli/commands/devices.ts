import type { Command } from 'commander';
import { LOG_LEVELS, pinoLog, type LogLevel } from '../../adapters/pino/log.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { EXIT, parsedBy, type Cli, type ExitCode } from '../cli.ts';

interface DevicesFlags {
  readonly mqtt: string;
  readonly model: string;
  readonly thing?: string;
  readonly count: number;
  readonly seed?: number;
  readonly faults?: string;
  readonly dir?: string;
  readonly groups?: readonly string[];
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly mqtt311?: boolean;
  readonly log: LogLevel;
}

/** `shadowctl devices`: simulated hardware with the real reconciler in front of it. */
export function define(command: Command, cli: Cli): void {
  command
    .option('--mqtt <url>', 'the broker', 'mqtt://127.0.0.1:1883')
    .requiredOption('--model <kind|file>', 'heater, bulb, lock, motor, or a model file')
    .option('--thing <thing[/shadow]>', 'its name; with --count the start of the names (default: the model)')
    .option('--count <n>', 'how many', parsedBy(wholeNumber('--count', 1)), 1)
    .option('--seed <n>', 'the same seed, the same misbehaviour', parsedBy(wholeNumber('--seed', 0)))
    .option('--faults <list>', 'how they misbehave, such as slow=200,clamp,stuck=0.1')
    .option('--dir <path>', 'where journal and hardware values outlive the process')
    .option('--groups <names>', 'groups whose direct commands they take, such as floor-2,heaters', (text) =>
      text.split(','),
    )
    .option('--ca <file>', 'certificate authority of the broker (mqtts)')
    .option('--cert <file>', 'client certificate (mqtts)')
    .option('--key <file>', 'private key of the certificate')
    .option('--mqtt311', 'MQTT 3.1.1 instead of 5')
    .option('--log <level>', `${LOG_LEVELS.join(', ')}`, parsedBy(logLevel), 'warn')
    .addHelpText('after', HELP)
    .action(cli.action((flags: DevicesFlags) => devices(flags, cli)));
}

async function devices(flags: DevicesFlags, cli: Cli): Promise<Result<ExitCode>> {
  const { createFleet } = await import('../../../simulators/devices/fleet.ts');
  const { parseMisbehaviour } = await import('../../../simulators/devices/misbehaviour.ts');
  const misbehaviour = flags.faults === undefined ? ok({}) : parseMisbehaviour(flags.faults);
  if (!misbehaviour.ok) return misbehaviour;
  const { ca, cert, key } = flags;
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  const fleet = createFleet({
    model: flags.model,
    count: flags.count,
    mqtt: {
      url: flags.mqtt,
      ...(flags.mqtt311 === true ? { protocol: 'mqtt311' as const } : {}),
      ...(Object.keys(tls).length === 0 ? {} : { tls }),
    },
    misbehaviour: misbehaviour.value,
    log: pinoLog({ level: flags.log }),
    ...(flags.thing === undefined ? {} : { thing: flags.thing }),
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
    ...(flags.dir === undefined ? {} : { directory: flags.dir }),
    ...(flags.groups === undefined ? {} : { groups: flags.groups }),
  });
  if (!fleet.ok) return fleet;
  const started = await fleet.value.start();
  if (!started.ok) return started;
  cli.ready({ devices: flags.count, model: flags.model, mqtt: flags.mqtt });
  await cli.untilStopped();
  await fleet.value.stop();
  return ok(EXIT.ok);
}

function wholeNumber(at: string, min: number): (text: string) => Result<number> {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,15}$/.test(text) && value >= min) return ok(value);
    return fail(problem('invalid_request', `a whole number, at least ${min}`, { at }));
  };
}

function logLevel(text: string): Result<LogLevel> {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level !== undefined) return ok(level);
  return fail(problem('invalid_request', `one of ${LOG_LEVELS.join(', ')}`, { at: '--log' }));
}

const HELP = `
Faults (shares from 0 to 1 of the calls; alone they mean always):
  slow=MS    every change takes so long       clamp      takes the nearest value it can
  flap=MS    a value changes by itself        stuck=P    says done, nothing moves
  lie=P      says done and reads the wish     hang=P     never finishes
  throw=P    fails with an exception          reboot=P   loses its power after a change

Examples:
  $ shadowctl devices --model heater --thing room-heater
  $ shadowctl devices --model bulb --count 100 --seed 7 --faults slow=200,stuck=0.1
  $ shadowctl devices --model motor --thing pump/drive --faults clamp`;
