import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Cloud } from '../cloud/cloud.ts';
import { PROBLEMS } from '../core/problem.ts';
import type { JsonObject } from '../core/json/json.ts';
import type { Model } from '../core/model/model.ts';
import type { Result } from '../core/result.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { Log } from '../ports/log.ts';
import type { MetricLabels } from '../ports/metrics.ts';
import type { AccessControl } from '../ports/access-control.ts';
import type { Closing } from './closing.ts';
import type { ConsoleFiles } from './console-files.ts';
import { NOT_THERE } from './not-there.ts';
import { PROBLEM_TYPE, problemDetails, type RequestProblem } from './problem-response.ts';

export interface HttpParts {
  readonly cloud: Cloud;
  readonly log: Log;
  readonly metrics?: MetricsSource;
  /** Host names that may be asked for besides loopback ones; undefined: any. */
  readonly hosts?: ReadonlySet<string>;
  /** The web console; none where only the API is wanted. */
  readonly console?: ConsoleFiles;
  /** Who may do what; absent: everybody may do everything, which only a loopback server may allow. */
  readonly access?: AccessControl;
  /** Which model holds for which shadows; absent: none. */
  readonly models?: ModelCatalog;
  /** Of the program, for the OpenAPI document. */
  readonly version?: string;
  /** Event streams at most, all callers together. Default 1,000. */
  readonly streamsMax?: number;
  /** How often an event stream shows that it is alive. Default 15 s. */
  readonly heartbeatMs?: number;
}

export interface ModelCatalog {
  modelOf(ref: ShadowRef): Model;
  /** In the order in which they are tried. */
  readonly mappings: readonly {
    readonly things: string;
    readonly shadowName?: string;
    readonly model: Model;
    readonly schema: JsonObject;
  }[];
}

/** What `/metrics` answers with, from whoever counts. */
export interface MetricsSource {
  readonly contentType: string;
  text(): Promise<string>;
  observe(name: 'shadow_http_request_duration_seconds', value: number, labels: MetricLabels): void;
}

export interface Guard {
  /** Takes one command to this thing from its rate. */
  mayCommand(ref: ShadowRef): Result<void, RequestProblem>;
}

/** What the routes share. */
export interface RouteParts extends HttpParts {
  /** When the server stops, waits end with what there is. */
  readonly closing: Closing;
  readonly guard: Guard;
}

/** Answers with a value, or with the problem as problem+json. The one way out of every route. */
export async function respond<T>(
  { parts, request, reply }: { parts: HttpParts; request: FastifyRequest; reply: FastifyReply },
  result: Result<T, RequestProblem>,
  render: (value: T) => unknown,
): Promise<unknown> {
  return result.ok ? render(result.value) : answer(parts, request, reply, result.problem);
}

export function answer(
  { log, access }: HttpParts,
  request: FastifyRequest,
  reply: FastifyReply,
  found: RequestProblem,
): FastifyReply {
  const { http, retry } = PROBLEMS[found.code];
  if (http >= 500) {
    const fields = { requestId: request.id, method: request.method, code: found.code, error: found.cause };
    log.warn(fields, 'request failed');
  }
  if (retry === 'backoff') reply.header('retry-after', String(found.retryAfterS ?? 1));
  // The same answer for what is not there and for what the caller may not know of (attack C-01).
  const hidden = access === undefined ? undefined : NOT_THERE[found.code];
  const { at: _, ...shown } = found;
  const told = hidden === undefined ? found : { ...shown, message: hidden };
  // A path may be of any length; it goes back only as far as it is useful, and without the query, which may hold a secret.
  const instance = (request.url.split('?', 1)[0] ?? '').slice(0, 256);
  return reply
    .code(http)
    .header('content-type', PROBLEM_TYPE)
    .serializer((body: unknown) => JSON.stringify(body))
    .send(problemDetails(told, { instance, requestId: request.id }));
}
