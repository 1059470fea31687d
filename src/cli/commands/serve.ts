import { Option, type Command } from 'commander';
import { LOG_LEVELS, type LogLevel } from '../../adapters/pino/log.ts';
import { isLoopback, parseHostPort, type HostPort } from '../../core/host-port.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { parseDuration } from '../arguments/duration.ts';
import { parseStore } from '../arguments/store.ts';
import { version } from '../version.ts';
import { EXIT, parsedBy, type Cli, type ExitCode } from '../cli.ts';

interface ServeFlags {
  readonly listen: HostPort;
  readonly store: string;
  readonly mqtt: string;
  readonly mqtt311?: boolean;
  readonly clientId?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly config?: string;
  readonly access?: string;
  readonly retention?: number;
  readonly log: LogLevel;
}

export function define(command: Command, cli: Cli): void {
  command
    .addOption(
      new Option('--listen <host:port>', 'where the API listens')
        .argParser(parsedBy(parseHostPort))
        .default({ host: '127.0.0.1', port: 8080 }, '127.0.0.1:8080'),
    )
    .option('--access <file>', 'who may do what (JSON, see "shadowctl keys"); needed beyond loopback')
    .option('--store <store>', 'the ledger', parsedBy(parseStore), 'shadowctl.sqlite')
    .option(
      '--mqtt <url>',
      'the broker or AWS IoT endpoint: mqtt://host:port, mqtts://host:port',
      'mqtt://127.0.0.1:1883',
    )
    .option('--client-id <id>', 'MQTT client id (default shadowctl-server and something unique)')
    .option('--cert <file>', 'certificate for mqtts (PEM)')
    .option('--key <file>', 'its private key (PEM)')
    .option('--ca <file>', "authority of the endpoint's certificate (PEM; default: the system's)")
    .option('--mqtt311', 'MQTT 3.1.1 instead of 5')
    .option('--config <file>', 'which model holds for which shadows (JSON)')
    .option('--retention <duration>', 'how long ended commands are kept (default 30d)', parsedBy(parseDuration))
    .addOption(new Option('--log <level>', 'on stderr').choices(LOG_LEVELS).default('info'))
    .addHelpText('after', HELP)
    .action(cli.action(async (flags: ServeFlags) => serve(cli, flags)));
}

async function serve(cli: Cli, flags: ServeFlags): Promise<Result<ExitCode>> {
  const { listen } = flags;
  if (flags.access === undefined && !isLoopback(listen.host)) {
    const why = `${listen.host} can be reached from elsewhere, and nothing says who may do what`;
    return fail(problem('invalid_usage', `${why}: add --access FILE ("shadowctl keys create" starts one)`));
  }
  const { composeServer } = await import('../../compose-server.ts');
  const server = await composeServer({
    listen,
    storePath: flags.store,
    mqtt: {
      url: flags.mqtt,
      protocol: flags.mqtt311 === true ? 'mqtt311' : 'mqtt5',
      ...(flags.clientId === undefined ? {} : { clientId: flags.clientId }),
      ...(flags.cert === undefined ? {} : { cert: flags.cert }),
      ...(flags.key === undefined ? {} : { key: flags.key }),
      ...(flags.ca === undefined ? {} : { ca: flags.ca }),
    },
    ...(flags.config === undefined ? {} : { configPath: flags.config }),
    ...(flags.access === undefined ? {} : { accessPath: flags.access }),
    ...(flags.retention === undefined ? {} : { retentionMs: flags.retention }),
    logLevel: flags.log,
    version: version(),
    ...dieAt(cli.env['SHADOWCTL_FAILPOINT']),
  });
  if (!server.ok) return server;
  if (flags.access === undefined) {
    const { yellow } = cli.output.talkColor;
    cli.output.talk(
      yellow('ACCESS CONTROL IS OFF: whoever is on this machine may command every device (--access FILE).'),
    );
  }
  if (!server.value.connected) {
    const { yellow } = cli.output.talkColor;
    cli.output.talk(yellow(`The broker at ${flags.mqtt} is not there yet. Commands are accepted and wait for it.`));
  }
  cli.ready({ http: server.value.url, mqtt: flags.mqtt, store: flags.store });
  await cli.untilStopped();
  await server.value.stop();
  return ok(EXIT.ok);
}

/** `ledger.before_sync` or `ledger.before_sync:3`: this process kills itself there, the third time it passes. */
function dieAt(place: string | undefined): { onFailpoint?: (passed: string) => void } {
  if (place === undefined) return {};
  const [name, count = '1'] = place.split(':');
  let left = Number(count);
  return {
    onFailpoint: (passed) => {
      if (passed === name && (left -= 1) === 0) process.kill(process.pid, 'SIGKILL');
    },
  };
}

const HELP = `
Examples:
  $ shadowctl serve                                                      with "shadowctl sim" beside it
  $ shadowctl serve --store sqlite:/var/lib/shadowctl/ledger.sqlite --mqtt mqtts://ID-ats.iot.eu-west-1.amazonaws.com \\
      --cert server.pem --key server.key --config server.json

The configuration file maps shadows to models; the first mapping that fits holds:
  { "models": [ { "things": "*-heater", "model": "models/heater.json" },
                { "things": "lobby-*", "shadow": "light", "model": "models/bulb.json" } ] }`;
