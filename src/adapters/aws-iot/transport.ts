import { ok, type Result } from '../../core/result.ts';
import type { Transport } from '../../ports/transport.ts';
import { MqttTransport, type TransportPorts } from '../mqtt/mqtt-transport.ts';
import { LinkV311 } from './link-v311.ts';
import { LinkV5 } from './link-v5.ts';
import { settleOptions, type MqttOptions } from './options.ts';
import { tlsContext } from './tls.ts';

/** The transport port on the MQTT clients of the AWS IoT Device SDK. Not connected before its `start`. */
export function mqttTransport(options: MqttOptions, ports: TransportPorts): Result<Transport> {
  const settled = settleOptions(options);
  if (!settled.ok) return settled;
  const tls = tlsContext(settled.value);
  if (!tls.ok) return tls;
  const { protocol } = settled.value;
  const link = protocol === 'mqtt5' ? new LinkV5(settled.value, tls.value) : new LinkV311(settled.value, tls.value);
  return ok(new MqttTransport(settled.value, link, ports));
}
