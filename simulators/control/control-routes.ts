import type { IncomingMessage, ServerResponse } from 'node:http';
import { epochMs } from '../../src/core/brand.ts';
import { PROBLEMS, problem, type Problem } from '../../src/core/problem.ts';
import { fail, ok, type Result } from '../../src/core/result.ts';
import { lateSchema } from '../late-schema.ts';
import type { Control } from './control.ts';

const PREFIX = '/simulator/';
/** A dump of a thousand full shadows with their metadata fits. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;

type Handler = (control: Control, body: unknown) => Result<unknown>;

const clockSchema = lateSchema((z) =>
  z.union([
    z.strictObject({ at: z.union([z.number().int().min(0), z.iso.datetime({ offset: true })]) }),
    z.strictObject({ advanceMs: z.number().int() }),
  ]),
);
const cutSchema = lateSchema((z) => z.strictObject({ clientId: z.string() }));
const faultsSchema = lateSchema((z) =>
  z.strictObject({ seed: z.union([z.number(), z.string()]).default(0), rules: z.unknown() }),
);

const ROUTES: Record<string, Handler> = {
  'GET shadows': (control) => ok({ shadows: control.shadows() }),
  'GET dump': (control) => ok(control.dump()),
  'POST load': (control, body) => {
    const loaded = control.load(body);
    return loaded.ok ? ok({ loaded: loaded.value }) : loaded;
  },
  'POST reset': (control) => {
    control.reset();
    return ok({});
  },
  'GET clock': (control) => ok(clockOf(control)),
  'PUT clock': (control, body) => {
    const parsed = clockSchema().safeParse(body);
    if (!parsed.success) return fail(problem('invalid_request', 'the clock takes { at } or { advanceMs }'));
    if ('at' in parsed.data) control.setNow(epochMs(new Date(parsed.data.at).getTime()));
    else control.advance(parsed.data.advanceMs);
    return ok(clockOf(control));
  },
  'GET faults': (control) => ok(control.faults),
  'PUT faults': (control, body) => {
    const parsed = faultsSchema().safeParse(body);
    if (!parsed.success) return fail(problem('invalid_request', 'faults are { seed, rules }'));
    return control.setFaults(parsed.data.rules, parsed.data.seed);
  },
  'GET faults/record': (control) => ok({ seed: control.faults.seed, strikes: control.strikes() }),
  'GET clients': (control) => ok({ clients: control.clients() }),
  'POST cut': (control, body) => {
    const parsed = cutSchema().safeParse(body);
    if (!parsed.success) return fail(problem('invalid_request', 'cut takes { clientId }'));
    return control.cut(parsed.data.clientId) ? ok({}) : fail(problem('not_found', 'no such client is connected'));
  },
};

function clockOf(control: Control) {
  const now = control.now();
  return { now, iso: new Date(now).toISOString() };
}

/** The control API, beside the data plane: `/simulator/…`. For whoever can reach the port, which is meant to be loopback. */
export function controlRoutes(control: Control) {
  return (request: IncomingMessage, response: ServerResponse, url: URL): boolean => {
    if (!url.pathname.startsWith(PREFIX)) return false;
    // A web page somewhere must not steer somebody's local cloud.
    if (request.headers.origin !== undefined) {
      reply(response, 403, { message: 'not for web pages' });
      return true;
    }
    const handler = ROUTES[`${request.method} ${url.pathname.slice(PREFIX.length)}`];
    if (handler === undefined) reply(response, 404, { message: 'no such thing can be asked of the simulator' });
    else void serve(handler, control, request, response);
    return true;
  };
}

async function serve(handler: Handler, control: Control, request: IncomingMessage, response: ServerResponse) {
  const body = await readJson(request);
  const result = body.ok ? attempt(handler, control, body.value) : body;
  if (result.ok) reply(response, 200, result.value);
  else reply(response, PROBLEMS[result.problem.code].http, shown(result.problem));
}

/** What the store throws, a full disk for one, is the request's answer and not the end of the process. */
function attempt(handler: Handler, control: Control, body: unknown): Result<unknown> {
  try {
    return handler(control, body);
  } catch (error) {
    return fail(problem('internal', error instanceof Error ? error.message : String(error), { cause: error }));
  }
}

function shown({ code, message, at }: Problem) {
  return { code, message, ...(at === undefined ? {} : { at }) };
}

async function readJson(request: IncomingMessage): Promise<Result<unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) return fail(problem('payload_too_large', 'the body is too large'));
      chunks.push(chunk);
    }
    return ok(bytes === 0 ? undefined : (JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown));
  } catch (error) {
    return fail(problem('invalid_json', 'the body is no JSON', { cause: error }));
  }
}

function reply(response: ServerResponse, code: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
