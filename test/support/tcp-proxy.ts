import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP proxy on loopback that a test can freeze, cut and take away. */
export class TcpProxy {
  readonly #target: number;
  readonly #pairs = new Set<{ client: Socket; upstream: Socket }>();
  #server: Server | undefined;
  #port = 0;
  #frozen = false;

  constructor(targetPort: number) {
    this.#target = targetPort;
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  /** Listens; after `close` on the same port again. */
  async open(): Promise<this> {
    const server = createServer({ noDelay: true, allowHalfOpen: false }, (client) => this.#join(client));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    return this;
  }

  /** No byte passes any more, in either direction; connections stay open, new ones too. */
  freeze(): void {
    this.#frozen = true;
    for (const { client, upstream } of this.#pairs) for (const socket of [client, upstream]) socket.pause();
  }

  thaw(): void {
    this.#frozen = false;
    for (const { client, upstream } of this.#pairs) for (const socket of [client, upstream]) socket.resume();
  }

  /** Resets every connection. */
  cut(): void {
    for (const { client, upstream } of this.#pairs) for (const socket of [client, upstream]) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    this.cut();
    await closed;
  }

  #join(client: Socket): void {
    const upstream = connect({ port: this.#target, host: '127.0.0.1', noDelay: true });
    const pair = { client, upstream };
    this.#pairs.add(pair);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('data', (chunk) => void to.write(chunk));
      from.on('error', () => undefined);
      from.on('close', () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
      from.on('end', () => to.end());
      if (this.#frozen) from.pause();
    }
  }
}
