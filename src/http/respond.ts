import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Cloud } from '../cloud/cloud.ts';
import { PROBLEMS } from '../core/problem.ts';
import type { Result } from '../core/result.ts';
import type { Log } from '../ports/log.ts';
import type { ConsoleFiles } from './console-files.ts';
import { PROBLEM_TYPE, problemDetails, type RequestProblem } from './problem-response.ts';

export interface HttpParts {
  readonly cloud: Cloud;
  readonly log: Log;
  readonly metrics?: MetricsSource;
  /** Host names that may be asked for besides loopback ones; undefined: any. */
  readonly hosts?: ReadonlySet<string>;
  /** The web console; none where only the API is wanted. */
  readonly console?: ConsoleFiles;
}

/** What `/metrics` answers with, from whoever counts. */
export interface MetricsSource {
  readonly contentType: string;
  text(): Promise<string>;
}

/** What the routes share. */
export interface RouteParts extends HttpParts {
  /** Aborts when the server stops: waits end with what there is. */
  readonly closing: AbortSignal;
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
  { log }: HttpParts,
  request: FastifyRequest,
  reply: FastifyReply,
  found: RequestProblem,
): FastifyReply {
  const { http, retry } = PROBLEMS[found.code];
  if (http >= 500) {
    const fields = { requestId: request.id, method: request.method, code: found.code, error: found.cause };
    log.warn(fields, 'request failed');
  }
  if (retry === 'backoff') reply.header('retry-after', '1');
  // A path may be of any length and hold anything; it goes back only as far as it is useful.
  const instance = request.url.slice(0, 256);
  return reply
    .code(http)
    .header('content-type', PROBLEM_TYPE)
    .serializer((body: unknown) => JSON.stringify(body))
    .send(problemDetails(found, { instance, requestId: request.id }));
}
