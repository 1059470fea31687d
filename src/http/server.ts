import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import type { HostPort } from '../core/host-port.ts';
import { problem, type Problem } from '../core/problem.ts';
import { done, fail, ok, type Result } from '../core/result.ts';
import { parseJson } from '../protocol/json-text.ts';
import { Closing } from './closing.ts';
import { consoleRoutes } from './console-files.ts';
import { guard } from './guard.ts';
import { methodsOf, type RouteShape } from './methods.ts';
import { PROBLEM_TYPE, problemDetails } from './problem-response.ts';
import { answer, type HttpParts, type RouteParts } from './respond.ts';
import { commandRoutes } from './routes/commands.ts';
import { directRoutes } from './routes/direct.ts';
import { driftRoutes } from './routes/drift.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { manyRoutes } from './routes/many.ts';
import { metaRoutes } from './routes/meta.ts';
import { overviewRoutes } from './routes/overview.ts';
import { shadowRoutes } from './routes/shadows.ts';

/**
 * The HTTP API: it parses, calls the cloud facade and renders. Nothing is decided here.
 *
 * Bounds   64 KB bodies, 8 KB of headers, 30 s for a request to arrive, JSON only. Errors are problem+json without a trace
 *          of our insides. Who asks is found out in `guard.ts`.
 * Browser  No CORS headers, JSON bodies only, and on loopback only loopback names as Host: a web page can neither read nor
 *          write, not even by DNS rebinding.
 */
export interface HttpServer {
  /** `address_in_use` when somebody else has the port, `invalid_config` when the host is not ours. */
  listen(address: HostPort): Promise<Result<{ url: string }>>;
  /** Takes no new requests, answers waiting ones with what there is, then settles. May be called twice. */
  close(): Promise<void>;
}

const BODY_BYTES_MAX = 64 * 1024;
const HEADER_BYTES_MAX = 8 * 1024;
/** A slow body must not hold a connection for ever; fastify's own default is none. */
const REQUEST_MS_MAX = 30_000;
/** 6 levels in a shadow, and the envelope. */
const BODY_DEPTH_MAX = 12;

export function createHttpServer(parts: HttpParts): HttpServer {
  const closing = new Closing();
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    keepAliveTimeout: 5_000,
    forceCloseConnections: 'idle',
    genReqId: () => randomUUID(),
    routerOptions: { maxParamLength: 256 },
    http: { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: 10_000 },
    clientErrorHandler: (error, socket) => refuseBytes(error, socket),
    frameworkErrors: (error, request, reply) => void answer(parts, request, reply, problemFromFastify(error)),
  });
  readBodiesAsJson(app);
  guardHosts(app, parts);
  const callers = guard(app, parts);
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    reply.header('x-content-type-options', 'nosniff');
    done();
  });
  measureRequests(app, parts);
  app.setErrorHandler((error: FastifyError, request, reply) =>
    answer(parts, request, reply, problemFromFastify(error)),
  );
  const routes: RouteShape[] = [];
  app.addHook('onRoute', ({ method, url }) => void routes.push({ methods: [method].flat(), url }));
  app.setNotFoundHandler((request, reply) => {
    const allowed = methodsOf(routes, request.url);
    if (allowed.length === 0) {
      return answer(parts, request, reply, problem('not_found', 'there is no such resource'));
    }
    reply.header('allow', allowed.join(', '));
    return answer(parts, request, reply, problem('method_not_allowed', `this resource takes ${allowed.join(', ')}`));
  });
  const shared: RouteParts = { ...parts, closing, guard: callers };
  commandRoutes(app, shared);
  manyRoutes(app, shared);
  directRoutes(app, shared);
  shadowRoutes(app, shared);
  driftRoutes(app, shared);
  overviewRoutes(app, shared);
  eventRoutes(app, shared);
  healthRoutes(app, shared);
  metaRoutes(app, shared);
  if (parts.console !== undefined) consoleRoutes(app, parts.console);
  return {
    listen: (address) => listen(app, address),
    close: async () => {
      closing.close();
      await app.close();
    },
  };
}

/** By operation, never by path: paths hold names, and whoever makes them up must not make up labels. */
function measureRequests(app: FastifyInstance, { metrics }: HttpParts): void {
  if (metrics === undefined) return;
  app.addHook('onResponse', (request, reply, done) => {
    const labels = { operation: request.routeOptions.config.operation?.id ?? 'none', status: String(reply.statusCode) };
    metrics.observe('shadow_http_request_duration_seconds', reply.elapsedTime / 1_000, labels);
    done();
  });
}

/** What is no HTTP, too much of it, or too slow: answered before there is a request, in the same form. */
function refuseBytes(error: Error & { readonly code?: string }, socket: Socket): void {
  if (!socket.writable || socket.destroyed) return;
  const [status, words] = REFUSED_BYTES[error.code ?? ''] ?? ([400, 'the bytes are no HTTP request'] as const);
  const found = problemDetails(problem('invalid_request', words), { instance: '', requestId: randomUUID() });
  const body = JSON.stringify({ ...found, status });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\ncontent-type: ${PROBLEM_TYPE}\r\ncache-control: no-store\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

const REFUSED_BYTES: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, `the headers have more than ${HEADER_BYTES_MAX} bytes`],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request did not arrive in time'],
};

/** Bytes become JSON by the same parser as MQTT payloads; every other content type is refused. */
function readBodiesAsJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addHook('preParsing', (request, _reply, _payload, done) => {
    const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = request.headers;
    // Not undone here: a small body could become a large one (attack B-18), and JSON is UTF-8 (B-19).
    const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1] ?? 'utf-8';
    if (encoding.toLowerCase() === 'identity' && /^utf-?8$/i.test(charset)) return done();
    done(
      new BodyProblem(problem('unsupported_media_type', 'a request body is application/json in UTF-8, not compressed')),
    );
  });
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body: Buffer, done) => {
    if (body.byteLength === 0) return done(null, undefined);
    const parsed = parseJson(body, { bytesMax: BODY_BYTES_MAX, depthMax: BODY_DEPTH_MAX, uniqueKeys: true });
    if (parsed.ok) done(null, parsed.value);
    else done(new BodyProblem(parsed.problem));
  });
}

/** Fastify has no way to refuse a body but an error; this one carries the problem to the error handler. */
class BodyProblem extends Error {
  readonly problem: Problem;

  constructor(found: Problem) {
    super(found.message);
    this.problem = found;
  }
}

function guardHosts(app: FastifyInstance, parts: HttpParts): void {
  const { hosts } = parts;
  if (hosts === undefined) return;
  app.addHook('onRequest', (request, reply, done) => {
    const host = request.hostname.toLowerCase();
    if (LOOPBACK_HOST.test(host) || hosts.has(host)) return done();
    answer(parts, request, reply, problem('invalid_request', 'this server does not answer to that Host name'));
  });
}

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/;

function problemFromFastify(error: FastifyError | BodyProblem): Problem {
  if (error instanceof BodyProblem) return error.problem;
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return problem('payload_too_large', `a request body has at most ${BODY_BYTES_MAX} bytes`);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return problem('unsupported_media_type', 'a request body is application/json');
    default:
      if (error.statusCode !== undefined && error.statusCode < 500) return problem('invalid_request', error.message);
      return problem('internal', 'something went wrong here; the log of the server has the request id', {
        cause: error,
      });
  }
}

async function listen(app: FastifyInstance, address: HostPort): Promise<Result<{ url: string }>> {
  try {
    await app.listen({ ...address });
  } catch (cause) {
    return fail(cannotListen(address, cause));
  }
  const bound = app.server.address() as AddressInfo;
  const shownHost = bound.address.includes(':') ? `[${bound.address}]` : bound.address;
  return ok({ url: `http://${shownHost}:${bound.port}` });
}

/**
 * Whether `listen` would work just now, with the same problems: for whoever has much to open before it, all of it in
 * vain if the port is somebody else's. Takes the port for a moment and keeps nothing.
 */
export function canListen(address: HostPort): Promise<Result<void>> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (cause) => resolve(fail(cannotListen(address, cause))));
    probe.listen({ ...address }, () => probe.close(() => resolve(done)));
  });
}

function cannotListen({ host, port }: HostPort, cause: unknown): Problem {
  const at = `${host}:${port}`;
  const { code = 'unknown' } = cause as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return problem('address_in_use', 'another program listens there', { at, cause });
  const why = code === 'EACCES' ? 'this port needs more rights' : `cannot listen there (${code})`;
  return problem('invalid_config', why, { at, cause });
}
