import { Agent, request } from 'node:http';

/** HTTP as a backend would speak it: connections are kept. */
export class HttpClient {
  readonly #base: URL;
  readonly #agent: Agent;

  constructor(url: string, connections: number) {
    this.#base = new URL(url);
    // By default 256 idle connections are kept; a thousand callers would meet the limit of the accept queue again and again.
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: connections,
      maxFreeSockets: connections,
      scheduling: 'fifo',
    });
  }

  post(path: string, body: string, headers: Readonly<Record<string, string>> = {}) {
    return this.#send('POST', path, body, headers);
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}) {
    return this.#send('GET', path, undefined, headers);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(method: string, path: string, body: string | undefined, headers: Readonly<Record<string, string>>) {
    return new Promise<{ status: number; body: unknown }>((resolve, reject) => {
      const outgoing = request(
        {
          agent: this.#agent,
          host: this.#base.hostname,
          port: this.#base.port,
          method,
          path,
          headers: {
            ...headers,
            ...(body === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            resolve({ status: incoming.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text) });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}
