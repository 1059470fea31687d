import type { z } from 'zod';
import * as ask from '../requests.ts';
import * as reply from '../responses/command.ts';
import { pageOf } from '../responses/parts.ts';
import { creating, ledger, names, type Operation, refusing } from './operation.ts';

const commandPage = pageOf(reply.command, 'CommandPage');

function act(verb: 'cancel' | 'retry' | 'rollback' | 'extend', summary: string, body: z.ZodType): Operation {
  return {
    id: `${verb}Command`,
    method: 'POST',
    path: `/v1/commands/{id}/${verb}`,
    summary,
    description:
      verb === 'cancel' || verb === 'extend'
        ? 'Needs an open command. One’s own needs the right to command its fields, that of others the right to operate.'
        : 'A new command has its own id (202 and `Location`). Needs the right to command the fields it writes.',
    tag: 'Commands',
    access: 'known',
    body,
    responses: {
      200: { description: 'the command as it is now', schema: reply.command },
      202: { description: 'a new command', schema: reply.command, headers: ['location'] },
    },
    problems: [...creating, 'command_not_found', 'command_ended', 'command_open', 'shadow_not_found', ...refusing],
  };
}

export const COMMAND_OPERATIONS = {
  createCommand: {
    id: 'createCommand',
    method: 'POST',
    path: '/v1/things/{thing}/commands',
    summary: 'Set desired fields of a shadow, or have an action done (`kind: direct`), and follow what becomes of it',
    description:
      'Answers when the command is durable (202, verdict `pending`), or with `Prefer: wait=20` when it has ended or the wait is over (200 once it has ended).',
    tag: 'Commands',
    access: 'command',
    query: ask.nameQuery,
    body: ask.anyCommandBody,
    headers: ['idempotency-key', 'prefer'],
    responses: {
      200: {
        description: 'ended within the wait',
        schema: reply.command,
        headers: ['location', 'idempotency-replayed', 'preference-applied'],
      },
      202: {
        description: 'durable, and pending',
        schema: reply.command,
        headers: ['location', 'idempotency-replayed', 'preference-applied'],
      },
    },
    problems: [...creating, 'shadow_not_found', ...refusing],
  },
  listCommands: {
    id: 'listCommands',
    method: 'GET',
    path: '/v1/commands',
    summary: 'Commands, newest first',
    tag: 'Commands',
    access: 'look',
    query: ask.commandsQuery,
    responses: { 200: { description: 'a page', schema: commandPage } },
    problems: [...names, ...ledger],
  },
  getCommand: {
    id: 'getCommand',
    method: 'GET',
    path: '/v1/commands/{id}',
    summary: 'A command with its timeline',
    tag: 'Commands',
    access: 'look',
    query: ask.emptyQuery,
    headers: ['prefer'],
    responses: { 200: { description: 'the command', schema: reply.commandDetail, headers: ['preference-applied'] } },
    problems: ['invalid_request', 'command_not_found', ...ledger],
  },
  explainCommand: {
    id: 'explainCommand',
    method: 'GET',
    path: '/v1/commands/{id}/explain',
    summary: 'Why is this not applied?',
    tag: 'Commands',
    access: 'look',
    query: ask.emptyQuery,
    responses: { 200: { description: 'the one fact that blocks it', schema: reply.explanation } },
    problems: ['invalid_request', 'command_not_found', ...ledger],
  },
  cancelCommand: act('cancel', 'End an open command', ask.actBody),
  retryCommand: act('retry', 'Nudge an open command, or repeat an ended one as a new one', ask.actBody),
  rollbackCommand: act('rollback', 'Undo what a command wrote, as a new command', ask.actBody),
  extendCommand: act('extend', 'Give an open command more time', ask.extendBody),
  streamEvents: {
    id: 'streamEvents',
    method: 'GET',
    path: '/v1/events',
    summary: 'Everything that happens to commands, as server-sent events',
    description:
      'In order of `id` (the sequence), each once; resumed by `Last-Event-ID` or `after`. An event `gap` says that older ones are not kept any more: list anew, then go on reading.',
    tag: 'Events',
    access: 'look',
    query: ask.eventsQuery,
    headers: ['last-event-id'],
    responses: {
      200: {
        description: 'a stream; the data of each event is a StreamEvent',
        type: 'text/event-stream',
        schema: reply.streamEvent,
      },
    },
    problems: [...names, ...ledger],
  },
} as const satisfies Record<string, Operation>;
