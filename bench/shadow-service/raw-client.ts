import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

/**
 * As little of an MQTT 3.1.1 client as a load needs: QoS 1 both ways, packets written by hand, nothing parsed but lengths.
 * A whole client library would be the slowest part of the measurement.
 */
export class RawClient {
  readonly #socket: Socket;
  readonly #onMessage: () => void;
  #waiting: (() => void) | undefined;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket, onMessage: () => void) {
    this.#socket = socket;
    this.#onMessage = onMessage;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => undefined);
  }

  static async connect(
    url: string,
    { clientId, filter, tls }: { clientId: string; filter: string; tls?: ConnectionOptions },
    onMessage: () => void,
  ): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const address = { host: hostname, port: Number(port) };
    const socket = tls === undefined ? connect({ ...address, noDelay: true }) : connectTls({ ...address, ...tls });
    socket.setNoDelay(true);
    const client = new RawClient(socket, onMessage);
    await new Promise((resolve) => socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve));
    await client.#ask(packet(0x10, Buffer.concat([text('MQTT'), Buffer.from([4, 2, 0, 0]), text(clientId)])));
    await client.#ask(packet(0x82, Buffer.concat([Buffer.from([0, 1]), text(filter), Buffer.from([1])])));
    return client;
  }

  publish(wire: Buffer): void {
    this.#socket.write(wire);
  }

  end(): void {
    this.#socket.end(packet(0xe0, Buffer.alloc(0)));
  }

  #ask(wire: Buffer): Promise<void> {
    const answered = new Promise<void>((resolve) => (this.#waiting = resolve));
    this.#socket.write(wire);
    return answered;
  }

  #read(chunk: Buffer): void {
    // An acknowledgement and the next update go out together: the load shall not cost more than what it measures.
    this.#socket.cork();
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const size = wireLength(data);
      if (size === undefined || data.length < size.total) break;
      this.#handle(data.subarray(0, size.total), size.header);
      data = data.subarray(size.total);
    }
    this.#rest = data;
    this.#socket.uncork();
  }

  #handle(wire: Buffer, header: number): void {
    const type = (wire[0] ?? 0) >> 4;
    if (type === 2 || type === 9) this.#waiting?.();
    if (type !== 3) return;
    const qos = ((wire[0] ?? 0) >> 1) & 3;
    if (qos > 0) {
      const at = header + 2 + wire.readUInt16BE(header);
      this.#socket.write(Buffer.from([0x40, 2, wire[at] ?? 0, wire[at + 1] ?? 0]));
    }
    this.#onMessage();
  }
}

/** A QoS 1 PUBLISH; the packet id may repeat, since the next one is sent only after the answer to this one. */
export function publishPacket(topic: string, body: string): Buffer {
  return packet(0x32, Buffer.concat([text(topic), Buffer.from([0, 7]), Buffer.from(body)]));
}

function packet(first: number, body: Buffer): Buffer {
  const length: number[] = [];
  for (let left = body.length; ;) {
    const more = left > 127;
    length.push((left % 128) | (more ? 128 : 0));
    left = Math.floor(left / 128);
    if (!more) break;
  }
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

function wireLength(data: Buffer): { header: number; total: number } | undefined {
  let length = 0;
  for (let at = 1; at < Math.min(5, data.length); at++) {
    const byte = data[at] ?? 0;
    length += (byte & 127) * 128 ** (at - 1);
    if (byte < 128) return { header: at + 1, total: at + 1 + length };
  }
  return undefined;
}
