import { readFileSync } from 'node:fs';
import { io } from 'aws-iot-device-sdk-v2';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { Settled } from './options.ts';

/** AWS IoT serves MQTT with client certificates on the HTTPS port to whoever asks for this protocol in the handshake. */
const ALPN_ON_443 = 'x-amzn-mqtt-ca';

/** The TLS context of a connection; undefined for plain TCP. Files are read once, so a missing one shows at the start. */
export function tlsContext({ endpoint, tls }: Settled): Result<io.ClientTlsContext | undefined> {
  if (!endpoint.secure) return ok(undefined);
  const texts: Partial<Record<'ca' | 'cert' | 'key', string>> = {};
  for (const name of ['ca', 'cert', 'key'] as const) {
    const file = tls?.[name];
    if (file === undefined) continue;
    try {
      texts[name] = readFileSync(file, 'utf8');
    } catch (cause) {
      return fail(problem('invalid_config', `the ${name} file cannot be read`, { at: file, cause }));
    }
    if (!texts[name].includes('-----BEGIN ')) {
      return fail(problem('invalid_config', `the ${name} file is not in PEM format`, { at: file }));
    }
  }
  const options =
    texts.cert !== undefined && texts.key !== undefined
      ? io.TlsContextOptions.create_client_with_mtls(texts.cert, texts.key)
      : new io.TlsContextOptions();
  if (texts.ca !== undefined) options.override_default_trust_store(texts.ca);
  if (endpoint.port === 443) options.alpn_list = [ALPN_ON_443];
  options.verify_peer = true;
  try {
    return ok(new io.ClientTlsContext(options));
  } catch (cause) {
    const at = tls?.cert ?? tls?.ca ?? endpoint.host;
    return fail(problem('invalid_config', 'the certificate, its key or the CA file is not valid', { at, cause }));
  }
}
