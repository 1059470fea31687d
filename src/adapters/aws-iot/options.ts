import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { QoS } from '../../ports/transport.ts';
import { BACKOFF, CONNECT_TIMEOUT_MS, PUBLISH_TIMEOUT_MS, type Backoff } from '../mqtt/mqtt-transport.ts';

export interface MqttOptions {
  /** `mqtt://host[:1883]` without encryption, `mqtts://host[:8883]` with TLS. */
  readonly url: string;
  /** On AWS tied to the certificate by policy; a device uses its thing name. A second client with it takes over. */
  readonly clientId: string;
  /** MQTT 5 tells why a connection ended and is the default; 3.1.1 is for brokers that speak nothing newer. */
  readonly protocol?: MqttProtocol;
  /** Files in PEM format. Without `cert` and `key` only the server is authenticated; without `ca` the system's trust store is used. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** For brokers that authenticate by name; AWS IoT authenticates by certificate. */
  readonly username?: string;
  readonly password?: string;
  /** The broker gives up on a silent client after one and a half of these. */
  readonly keepAliveSeconds?: number;
  /** Published by the broker if the connection ends without a farewell. */
  readonly will?: { readonly topic: string; readonly payload: string; readonly qos: QoS };
  readonly connectTimeoutMs?: number;
  /** See `ConnectionPolicy`. */
  readonly publishTimeoutMs?: number;
  readonly backoff?: Backoff;
}

export type MqttProtocol = 'mqtt5' | 'mqtt311';

export type Settled = Required<Pick<MqttOptions, 'keepAliveSeconds' | 'connectTimeoutMs' | 'publishTimeoutMs'>> &
  Omit<MqttOptions, 'backoff' | 'protocol'> & {
    readonly protocol: MqttProtocol;
    readonly backoff: Backoff;
    readonly endpoint: Endpoint;
  };

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

const DEFAULTS = {
  protocol: 'mqtt5',
  keepAliveSeconds: 30,
  connectTimeoutMs: CONNECT_TIMEOUT_MS,
  publishTimeoutMs: PUBLISH_TIMEOUT_MS,
} as const;

export function settleOptions(options: MqttOptions): Result<Settled> {
  const endpoint = parseEndpoint(options.url);
  if (!endpoint.ok) return endpoint;
  const { clientId, tls, will } = options;
  if (!/^[^\p{C}+#/]{1,128}$/u.test(clientId)) {
    return config('a client id has 1 to 128 characters, none of them + # /', clientId.slice(0, 64));
  }
  if (tls !== undefined && !endpoint.value.secure) return config('certificates need an mqtts:// address', options.url);
  if ((tls?.cert === undefined) !== (tls?.key === undefined)) {
    return config('a certificate and its private key come together', tls?.cert ?? tls?.key ?? '');
  }
  const keepAliveSeconds = options.keepAliveSeconds ?? DEFAULTS.keepAliveSeconds;
  if (!(keepAliveSeconds >= 5 && keepAliveSeconds <= 1_200)) {
    return config('keepAliveSeconds is between 5 and 1200', 'keepAliveSeconds'); // the range of AWS IoT
  }
  return ok({
    ...DEFAULTS,
    ...options,
    ...(will === undefined ? {} : { will }),
    keepAliveSeconds: Math.round(keepAliveSeconds),
    backoff: options.backoff ?? BACKOFF,
    endpoint: endpoint.value,
  });
}

export function parseEndpoint(url: string): Result<Endpoint> {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const secure = parsed?.protocol === 'mqtts:';
  if (parsed === null || !(secure || parsed.protocol === 'mqtt:') || parsed.hostname === '') {
    return config('an MQTT address looks like mqtt://host:1883 or mqtts://host:8883', url.slice(0, 128));
  }
  if (
    !['', '/'].includes(parsed.pathname) ||
    parsed.search !== '' ||
    parsed.username !== '' ||
    parsed.password !== ''
  ) {
    return config('an MQTT address has a host and a port, nothing else', `${parsed.protocol}//${parsed.host}`);
  }
  const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1'); // IPv6 stands in brackets
  return ok({ host, port: parsed.port === '' ? (secure ? 8883 : 1883) : Number(parsed.port), secure });
}

function config(message: string, at: string): Result<never> {
  return fail(problem('invalid_config', message, { at }));
}
