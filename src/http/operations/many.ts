import * as ask from '../requests.ts';
import * as reply from '../responses/many.ts';
import { creating, ledger, type Operation, refusing } from './operation.ts';

export const MANY_OPERATIONS = {
  createCommands: {
    id: 'createCommands',
    method: 'POST',
    path: '/v1/commands',
    summary: 'One command for each of many things',
    description:
      'All of them or none: one thing that is forbidden, or would be refused by its model, refuses the whole request; a crash leaves no half of it. Repeating with the same Idempotency-Key gives the same commands.',
    tag: 'Commands',
    access: 'command',
    body: ask.fanOutBody,
    headers: ['idempotency-key'],
    responses: {
      202: {
        description: 'one command each, with one parent',
        schema: reply.fanOut,
        headers: ['location', 'idempotency-replayed'],
      },
    },
    problems: [...creating, 'count_mismatch', 'shadow_not_found', ...refusing],
  },
  getAggregate: {
    id: 'getAggregate',
    method: 'GET',
    path: '/v1/parents/{id}',
    summary: 'Where the commands of one request for many things stand',
    tag: 'Commands',
    access: 'look',
    query: ask.emptyQuery,
    headers: ['prefer'],
    responses: {
      200: { description: 'counts by verdict and status', schema: reply.aggregate, headers: ['preference-applied'] },
    },
    problems: ['invalid_request', 'command_not_found', ...ledger],
  },
  plan: {
    id: 'plan',
    method: 'POST',
    path: '/v1/plan',
    summary: 'What a command would do, on one thing or many, without doing it',
    tag: 'Commands',
    access: 'command',
    body: ask.planBody,
    responses: { 200: { description: 'per thing: changes, conflicts, refusals, size', schema: reply.plan } },
    problems: [...creating, 'count_mismatch', 'forbidden', 'shadow_not_found', ...ledger],
  },
} as const satisfies Record<string, Operation>;
