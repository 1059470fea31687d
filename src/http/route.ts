import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Operation } from './operations/operation.ts';

export interface Call {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Path parameters, as they came. */
  readonly params: Readonly<Record<string, string>>;
}

/** Registers an operation; there is no other way to a route of the API. */
export function route(app: FastifyInstance, operation: Operation, handle: (call: Call) => unknown): void {
  app.route({
    method: operation.method,
    url: operation.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    config: { operation },
    exposeHeadRoute: false,
    handler: async (request, reply) =>
      handle({ request, reply, params: (request.params ?? {}) as Readonly<Record<string, string>> }),
  });
}
