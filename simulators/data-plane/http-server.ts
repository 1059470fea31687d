import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { HostPort } from '../../src/core/host-port.ts';
import type { EpochMs } from '../../src/core/brand.ts';
import { done, fail, ok, type Result } from '../../src/core/result.ts';
import { REJECTIONS, type ShadowRejection } from '../../src/core/shadow/rejection.ts';
import { parseShadowName, parseThingName, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { listenProblem, PAYLOAD_BYTES_MAX } from '../broker/broker.ts';
import type { ShadowGateway } from '../shadow-service/shadow-gateway.ts';
import type { ShadowService } from '../shadow-service/shadow-service.ts';
import { namesPage } from './list-page.ts';

/** Serves a path of its own; answers false for paths that are not its. */
export type ExtraRoutes = (request: IncomingMessage, response: ServerResponse, url: URL) => boolean;

export interface HttpServerOptions {
  readonly service: ShadowService;
  readonly gateway: ShadowGateway;
  readonly now: () => EpochMs;
  /** Publishes what came by `POST /topics/…`. */
  readonly publish: (topic: string, payload: Buffer) => void;
  readonly extra?: ExtraRoutes;
}

/** The names that AWS's clients turn into exceptions (R82). */
const EXCEPTIONS: Record<number, string> = {
  400: 'InvalidRequestException',
  401: 'UnauthorizedException',
  403: 'ForbiddenException',
  404: 'ResourceNotFoundException',
  405: 'MethodNotAllowedException',
  409: 'ConflictException',
  413: 'RequestEntityTooLargeException',
  415: 'UnsupportedDocumentEncodingException',
  429: 'ThrottlingException',
  500: 'InternalFailureException',
  503: 'ServiceUnavailableException',
};

const OPERATIONS = { GET: 'get', POST: 'update', DELETE: 'delete' } as const;

/**
 * The HTTP data plane: GetThingShadow, UpdateThingShadow, DeleteThingShadow and ListNamedShadowsForThing with AWS's paths,
 * codes and bodies. Signatures are not looked at: this is for loopback.
 *
 * Source   R80 to R82.
 */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (request, response) => this.#route(request, response));
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  async listen({ host, port }: HostPort): Promise<Result<number>> {
    const listening = await new Promise<Result<void>>((resolve) => {
      this.#server.once('error', (error) => resolve(fail(listenProblem(error, { host, port }))));
      this.#server.listen(port, host, () => resolve(done));
    });
    if (!listening.ok) return listening;
    const address = this.#server.address();
    return ok(typeof address === 'object' && address !== null ? address.port : port);
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const url = URL.canParse(request.url ?? '', 'http://localhost')
      ? new URL(request.url ?? '', 'http://localhost')
      : undefined;
    if (url === undefined) return refuse(response, { code: 400, message: 'Invalid request' });
    if (this.#options.extra?.(request, response, url) === true) return;
    const shadow = /^\/things\/([^/]*)\/shadow\/?$/.exec(url.pathname);
    if (shadow !== null) return this.#shadow(request, response, decoded(shadow[1]), url.searchParams);
    const list = /^\/api\/things\/shadow\/ListNamedShadowsForThing\/([^/]*)\/?$/.exec(url.pathname);
    if (list !== null) return this.#list(request, response, decoded(list[1]), url.searchParams);
    const topic = /^\/topics\/(.+)$/.exec(url.pathname);
    if (topic !== null) return this.#publish(request, response, decoded(topic[1]));
    refuse(response, { code: 404, message: 'Not found' });
  }

  #shadow(request: IncomingMessage, response: ServerResponse, thing: string, query: URLSearchParams): void {
    const ref = refOf(thing, query);
    if (!ref.ok) return refuse(response, ref.problem);
    const operation = OPERATIONS[request.method as keyof typeof OPERATIONS] as
      (typeof OPERATIONS)[keyof typeof OPERATIONS] | undefined;
    if (operation === undefined) return refuse(response, NOT_ALLOWED);
    readBody(request, response, (payload) => {
      this.#options.gateway.receive(
        { ref: ref.value, operation, payload: operation === 'update' ? payload : Buffer.alloc(0) },
        {
          connection: `http ${randomUUID()}`,
          cut: () => request.socket.destroy(),
          answer: ({ code, messages }) => {
            if (response.headersSent) return; // a request that was duplicated on purpose has one answer
            const { body } = messages[0];
            if (code === 200) return reply(response, 200, body);
            refuse(response, { code, message: (JSON.parse(body) as ShadowRejection).message });
          },
        },
      );
    });
  }

  #list(request: IncomingMessage, response: ServerResponse, thing: string, query: URLSearchParams): void {
    if (request.method !== 'GET') return refuse(response, NOT_ALLOWED);
    const name = parseThingName(thing);
    if (!name.ok) return refuse(response, REJECTIONS.invalidThingName);
    const page = namesPage(this.#options.service.names(name.value), query);
    if (!page.ok) return refuse(response, page.problem);
    reply(response, 200, JSON.stringify({ ...page.value, timestamp: Math.floor(this.#options.now() / 1000) }));
  }

  #publish(request: IncomingMessage, response: ServerResponse, topic: string): void {
    if (request.method !== 'POST') return refuse(response, NOT_ALLOWED);
    if (topic === '' || /[#+]/.test(topic)) return refuse(response, { code: 400, message: 'Invalid topic' });
    readBody(request, response, (payload) => {
      this.#options.publish(topic, payload);
      reply(response, 200, '{"message":"OK"}');
    });
  }
}

const NOT_ALLOWED: ShadowRejection = { code: 405, message: 'Method not allowed' };

function refOf(thing: string, query: URLSearchParams): Result<ShadowRef, ShadowRejection> {
  const thingName = parseThingName(thing);
  if (!thingName.ok) return fail(REJECTIONS.invalidThingName);
  const name = query.get('name');
  if (name === null) return ok({ thingName: thingName.value });
  const shadowName = parseShadowName(name);
  return shadowName.ok
    ? ok({ thingName: thingName.value, shadowName: shadowName.value })
    : fail(REJECTIONS.invalidShadowName);
}

/** A name that cannot be decoded is no name; the empty one is refused later. */
function decoded(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? '');
  } catch {
    return '';
  }
}

function readBody(request: IncomingMessage, response: ServerResponse, use: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= PAYLOAD_BYTES_MAX) chunks.push(chunk);
    else chunks.length = 0;
  });
  request.on('end', () => {
    if (bytes > PAYLOAD_BYTES_MAX) refuse(response, REJECTIONS.tooLarge);
    else use(Buffer.concat(chunks));
  });
  request.on('error', () => undefined);
}

function reply(response: ServerResponse, code: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(code, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-amzn-requestid': randomUUID(),
    ...headers,
  });
  response.end(body);
}

function refuse(response: ServerResponse, { code, message }: ShadowRejection): void {
  const exception = EXCEPTIONS[code] ?? (code >= 500 ? 'InternalFailureException' : 'InvalidRequestException');
  const body = JSON.stringify({ message, traceId: randomUUID() });
  reply(response, code, body, { 'x-amzn-errortype': exception });
}
