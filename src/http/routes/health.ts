import type { FastifyInstance } from 'fastify';
import type { RouteParts } from '../respond.ts';

export function healthRoutes(app: FastifyInstance, { cloud, metrics }: RouteParts): void {
  /** The process answers. Nothing else is asked: a broker that is away is no reason to restart us. */
  app.get('/healthz', () => ({ status: 'ok' }));

  /** Commands are accepted and will be judged. */
  app.get('/readyz', async (_request, reply) => {
    const health = await cloud.health();
    return reply.code(health.ready ? 200 : 503).send(health);
  });

  if (metrics !== undefined) {
    app.get('/metrics', async (_request, reply) =>
      reply.header('content-type', metrics.contentType).send(await metrics.text()),
    );
  }
}
