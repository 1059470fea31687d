import * as ask from '../requests.ts';
import * as reply from '../responses/direct.ts';
import { creating, ledger, type Operation, refusing } from './operation.ts';

export const DIRECT_OPERATIONS = {
  listGroups: {
    id: 'listGroups',
    method: 'GET',
    path: '/v1/groups',
    summary: 'The groups of the server’s configuration',
    tag: 'Commands',
    access: 'look',
    query: ask.emptyQuery,
    responses: { 200: { description: 'groups and what makes them up', schema: reply.groups } },
    problems: ['forbidden'],
  },
  createGroupCommand: {
    id: 'createGroupCommand',
    method: 'POST',
    path: '/v1/groups/{group}/commands',
    summary: 'One direct command for all members of a group',
    description:
      'One request on the group’s topic, one command for each member, all of them under one parent. Members that do not answer are asked one by one. One member that is forbidden refuses the whole request.',
    tag: 'Commands',
    access: 'command',
    body: ask.sendGroupBody,
    headers: ['idempotency-key'],
    responses: {
      202: {
        description: 'durable; `/v1/parents/{parentId}` counts what becomes of it',
        schema: reply.groupSent,
        headers: ['location', 'idempotency-replayed'],
      },
    },
    problems: [...creating, 'not_found', 'count_mismatch', 'shadow_not_found', ...refusing, ...ledger],
  },
} as const satisfies Record<string, Operation>;
