import { io } from 'aws-iot-device-sdk-v2';

/**
 * There is no TCP_NODELAY to set here: the SDK leaves Nagle's algorithm on, and a small packet that the peer has no
 * reason to answer (the PUBACK of a QoS 1 message) then holds back the next one until the peer's delayed
 * acknowledgement, 44 ms later. The cure stands in `adapters/mqtt/mqtt-transport.ts`: subscriptions at QoS 0, publishes at QoS 1, so that
 * every packet we send is answered at once.
 */
export function socketOptions(connectTimeoutMs: number): io.SocketOptions {
  return new io.SocketOptions(io.SocketType.STREAM, io.SocketDomain.IPV4, connectTimeoutMs);
}
