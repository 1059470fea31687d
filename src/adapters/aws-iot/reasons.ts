import { problem, type Problem } from '../../core/problem.ts';
import { wordsOf } from '../mqtt/link.ts';
import type { Settled } from './options.ts';

/** Why the first bytes did not become a connection, in words that say what to do. */
export function connectProblem(settled: Settled, reason: unknown, connackReason?: string): Problem {
  const words = wordsOf(reason);
  const more = { at: settled.url, cause: reason };
  if (connackReason !== undefined || /rejected connection|CONNACK_CONNECTION_REFUSED/i.test(words)) {
    const why = connackReason ?? 'no reason given';
    return problem('transport_refused', `the broker refused client id ${settled.clientId}: ${why}`, more);
  }
  if (/TLS|CERTIFICATE|\bALERT\b/i.test(words)) {
    const hint = 'do its certificate, our certificate and the CA file fit together?';
    return problem(
      'transport_refused',
      `the broker at ${settled.url} and we did not agree on TLS: ${hint} (${words})`,
      more,
    );
  }
  if (/PROTOCOL_ERROR|unsupported protocol/i.test(words) && settled.protocol === 'mqtt5') {
    const hint = 'it may speak MQTT 3.1.1 only: try protocol mqtt311';
    return problem('transport_refused', `the broker at ${settled.url} does not understand MQTT 5; ${hint}`, more);
  }
  return problem('server_unreachable', `no MQTT broker answers at ${settled.url}: ${plain(words)}`, more);
}

/** `aws-c-io: AWS_IO_SOCKET_CONNECTION_REFUSED, socket connection refused.` is for people who know the library. */
function plain(words: string): string {
  return /AWS_[A-Z0-9_]+, *(.+?)\.?$/.exec(words)?.[1] ?? words;
}
