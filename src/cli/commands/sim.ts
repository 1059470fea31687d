import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { isLoopback } from '../../core/host-port.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { EXIT, type Cli, type ExitCode } from '../cli.ts';
import { defineCertificates } from './sim-certs.ts';
import { defineControl } from './sim-control.ts';

const loadSimulator = () => import('../../../simulators/simulator.ts');
type SimulatorOptions = NonNullable<Parameters<Awaited<ReturnType<typeof loadSimulator>>['openSimulator']>[0]>;

interface RunOptions {
  readonly mqtt: string;
  readonly mqtts?: string;
  readonly http: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly policies?: string;
  readonly broker?: string;
  readonly data?: string;
  readonly rules?: string;
  readonly rates?: boolean;
  readonly quotas: boolean;
  readonly documents: boolean;
}

/** `shadowctl sim`: the local cloud, until it is told to stop; and the verbs that steer a running one. */
export function define(command: Command, cli: Cli): void {
  command
    .option('--mqtt <host:port>', 'MQTT 3.1.1 and 5 on plain TCP; port 0 takes a free one', '127.0.0.1:1883')
    .option('--mqtts <host:port>', 'MQTT on mutual TLS; needs --ca, --cert and --key (see "sim certs")')
    .option('--ca <file>', 'authority whose client certificates are let in (PEM)')
    .option('--cert <file>', "the server's certificate (PEM)")
    .option('--key <file>', "the server's private key (PEM)")
    .option('--policies <file>', 'AWS IoT policies by certificate (JSON)')
    .option('--http <host:port>', 'HTTP data plane and control', '127.0.0.1:8081')
    .option('--broker <url>', 'serve shadows on this broker instead of an own one (mqtt:// or mqtts://)')
    .option(
      '--no-documents',
      'with --broker: never publish update/documents, which is built for every update otherwise',
    )
    .option('--data <directory>', 'keep shadows, retained messages and sessions there; without it they are in memory')
    .option('--rules <file>', 'limits and open questions of the service (JSON, see docs/SHADOW-SERVICE.md)')
    .option('--rates', 'enforce the rates of AWS: 20 requests a second per thing, 10 in flight, 100 messages a second')
    .option('--no-quotas', 'let pass what AWS refuses: QoS 2, long topics, more than 8 filters at once or 50 in all')
    .action(cli.action((options: RunOptions) => run(options, cli)))
    .addHelpText('after', HELP);
  defineControl(command, cli);
  defineCertificates(command, cli);
}

async function run(options: RunOptions, cli: Cli): Promise<Result<ExitCode>> {
  const { openSimulator } = await loadSimulator();
  const settled = await simulatorOptions(options);
  if (!settled.ok) return settled;
  const opened = await openSimulator(settled.value);
  if (!opened.ok) return opened;
  const { mqttUrl, mqttsUrl, httpUrl, stop } = opened.value;
  if (options.broker !== undefined) cli.output.talk(OUTSIDE);
  const open = [...(options.broker === undefined ? [mqttUrl] : []), httpUrl].filter(isReachable);
  if (open.length > 0)
    cli.output.talk(`${cli.output.talkColor.bold('Open to everybody')}: ${open.join(', ')}. ${OPEN}`);
  cli.ready({ mqtt: mqttUrl, ...(mqttsUrl === undefined ? {} : { mqtts: mqttsUrl }), http: httpUrl });
  await cli.untilStopped();
  await stop();
  return ok(EXIT.ok);
}

/** From other machines than this one. */
function isReachable(url: string): boolean {
  return !isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''));
}

async function simulatorOptions(options: RunOptions): Promise<Result<SimulatorOptions>> {
  const settled: { -readonly [key in keyof SimulatorOptions]: SimulatorOptions[key] } = {
    mqtt: options.mqtt,
    http: options.http,
  };
  if (!options.quotas) settled.quotas = 'none';
  if (options.data !== undefined) settled.data = options.data;
  if (options.broker !== undefined) {
    const broker = await outsideBroker(options.broker, options);
    if (!broker.ok) return broker;
    settled.broker = { ...broker.value, documents: options.documents };
  } else if (options.mqtts !== undefined) {
    const tls = await tlsEndpoint(options.mqtts, options);
    if (!tls.ok) return tls;
    settled.mqtts = tls.value;
  }
  if (options.policies !== undefined) {
    const { parsePolicyRules } = await import('../../../simulators/access/access.ts');
    const rules = await jsonFile(options.policies, parsePolicyRules);
    if (!rules.ok) return rules;
    settled.policies = rules.value;
  }
  if (options.rules !== undefined) {
    const { parseRules } = await import('../../../simulators/shadow-service/rules-file.ts');
    const rules = await jsonFile(options.rules, parseRules);
    if (!rules.ok) return rules;
    settled.rules = rules.value;
  }
  if (options.rates === true) {
    settled.throttle = (await import('../../../simulators/shadow-service/throttle.ts')).AWS_THROTTLE;
  }
  return ok(settled);
}

async function tlsEndpoint(address: string, { ca, cert, key }: RunOptions) {
  if (ca === undefined || cert === undefined || key === undefined) {
    return fail(problem('invalid_usage', '--mqtts needs --ca, --cert and --key; "shadowctl sim certs DIR" makes them'));
  }
  const texts: string[] = [];
  for (const file of [ca, cert, key]) {
    const text = await textFile(file);
    if (!text.ok) return text;
    texts.push(text.value);
  }
  const [caText = '', certText = '', keyText = ''] = texts;
  return ok({ address, ca: caText, cert: certText, key: keyText });
}

/** The service is a client like any other there, with an id that no device has. */
async function outsideBroker(
  url: string,
  { ca, cert, key }: RunOptions,
): Promise<Result<NonNullable<SimulatorOptions['broker']>>> {
  const [{ mqttTransport }, { SystemClock }, { SystemRandom }, { SILENT }] = await Promise.all([
    import('../../adapters/aws-iot/transport.ts'),
    import('../../adapters/system/clock.ts'),
    import('../../adapters/system/random.ts'),
    import('../../ports/log.ts'),
  ]);
  const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  const clientId = `shadowctl-sim-${process.pid}`;
  const transport = mqttTransport(
    { url, clientId, ...(Object.keys(tls).length === 0 ? {} : { tls }) },
    { clock: new SystemClock(), random: new SystemRandom(), log: SILENT },
  );
  return transport.ok ? ok({ transport: transport.value, url }) : transport;
}

async function jsonFile<T>(path: string, parse: (input: unknown) => Result<T>): Promise<Result<T>> {
  const text = await textFile(path);
  if (!text.ok) return text;
  let input: unknown;
  try {
    input = JSON.parse(text.value) as unknown;
  } catch (cause) {
    return fail(problem('invalid_config', 'the file is no JSON', { at: path, cause }));
  }
  const parsed = parse(input);
  return parsed.ok ? parsed : fail({ ...parsed.problem, at: `${path}${parsed.problem.at ?? ''}` });
}

async function textFile(path: string): Promise<Result<string>> {
  try {
    return ok(await readFile(path, 'utf8'));
  } catch (cause) {
    return fail(problem('invalid_config', 'the file cannot be read', { at: path, cause }));
  }
}

const OPEN =
  'Whoever reaches it reads and writes every shadow and steers this cloud. It is for development: use --mqtts with --policies for others, and a loopback address for the rest.';

const OUTSIDE =
  'this broker is not ours: no lifecycle events, policies, quotas, cuts and kept sessions (docs/SHADOW-SERVICE.md)';

const HELP = `
Examples:
  $ shadowctl sim                                          a local cloud on 1883 (MQTT) and 8081 (HTTP)
  $ shadowctl sim certs ./certs --thing heater             an authority, a server and one thing
  $ shadowctl sim --mqtts 127.0.0.1:8883 --ca ./certs/ca.crt --cert ./certs/server.crt --key ./certs/server.key
  $ aws iot-data get-thing-shadow --endpoint-url http://127.0.0.1:8081 --thing-name heater /dev/stdout
  $ shadowctl sim faults --drop 0.1 --message update/delta --seed 7`;
