import type { FastifyInstance } from 'fastify';
import { OPERATIONS } from '../operations.ts';
import type { RouteParts } from '../respond.ts';
import { route } from '../route.ts';

export function healthRoutes(app: FastifyInstance, { cloud, metrics }: RouteParts): void {
  /** The process answers. Nothing else is asked: a broker that is away is no reason to restart us. */
  route(app, OPERATIONS.health, () => ({ status: 'ok' }));

  /** Commands are accepted and will be judged. */
  route(app, OPERATIONS.readiness, async ({ reply }) => {
    const health = await cloud.health();
    return reply.code(health.ready ? 200 : 503).send(health);
  });

  if (metrics !== undefined) {
    route(app, OPERATIONS.metrics, async ({ reply }) =>
      reply.header('content-type', metrics.contentType).send(await metrics.text()),
    );
  }
}
