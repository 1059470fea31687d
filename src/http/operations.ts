import type { z } from 'zod';
import type { AccessAction } from '../core/access/access.ts';
import type { ProblemCode } from '../core/problem.ts';
import * as ask from './requests.ts';
import * as reply from './responses.ts';

/**
 * Every operation of the API: the server registers its routes from here, the OpenAPI document is written from here, and
 * what is not here does not exist. `access` says what a caller needs; a route without it cannot be registered.
 *
 * public  anybody     known   any credential that is valid
 * others  the action; on which shadow is decided in the route, lists are cut to what the caller may look at
 */
export interface Operation {
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** As OpenAPI writes it. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag: 'Commands' | 'Shadows' | 'Drift' | 'Events' | 'Server';
  readonly access: 'public' | 'known' | AccessAction;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Request headers that the operation reads. */
  readonly headers?: readonly ('idempotency-key' | 'prefer' | 'last-event-id')[];
  readonly responses: Readonly<Record<number, Answer>>;
  /** Besides those that any operation can end with. */
  readonly problems: readonly ProblemCode[];
}

export interface Answer {
  readonly description: string;
  /** Absent: no body. */
  readonly schema?: z.ZodType;
  /** Default `application/json`. */
  readonly type?: string;
  readonly headers?: readonly ('location' | 'idempotency-replayed' | 'preference-applied')[];
}

const commandPage = reply.pageOf(reply.command, 'CommandPage');
const shadowPage = reply.pageOf(reply.shadowRef, 'ShadowPage');
const thingPage = reply.pageOf(reply.thing, 'ThingPage');
const modelList = reply.pageOf(reply.model, 'ModelList');
const ruleList = reply.pageOf(reply.ignoreRule, 'IgnoreRuleList');

const ledger = ['ledger_unavailable', 'ledger_full', 'ledger_stale', 'ledger_corrupt'] as const;
const names = ['invalid_request', 'invalid_thing_name', 'invalid_shadow_name'] as const;
const creating = [
  ...names,
  'invalid_json',
  'invalid_pointer',
  'too_deep',
  'payload_too_large',
  'unsupported_media_type',
] as const;
const refusing = ['model_violation', 'idempotency_mismatch', 'version_conflict', 'forbidden', ...ledger] as const;

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

export const OPERATIONS = {
  createCommand: {
    id: 'createCommand',
    method: 'POST',
    path: '/v1/things/{thing}/commands',
    summary: 'Set desired fields of a shadow, and follow what becomes of it',
    description:
      'Answers when the command is durable (202, verdict `pending`), or with `Prefer: wait=20` when it has ended or the wait is over (200 once it has ended).',
    tag: 'Commands',
    access: 'command',
    query: ask.nameQuery,
    body: ask.createCommandBody,
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
  createCommands: {
    id: 'createCommands',
    method: 'POST',
    path: '/v1/commands',
    summary: 'One command for each of many things',
    description:
      'All things are checked first: one that is forbidden or would be refused by its model refuses the whole request. Repeating with the same Idempotency-Key creates only what is missing.',
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
  listThings: {
    id: 'listThings',
    method: 'GET',
    path: '/v1/things',
    summary: 'Things with their presence and shadows',
    tag: 'Shadows',
    access: 'look',
    query: ask.thingsQuery,
    responses: { 200: { description: 'a page, by name', schema: thingPage } },
    problems: ['invalid_request', ...ledger],
  },
  getThing: {
    id: 'getThing',
    method: 'GET',
    path: '/v1/things/{thing}',
    summary: 'A thing: presence and shadows',
    tag: 'Shadows',
    access: 'look',
    query: ask.emptyQuery,
    responses: { 200: { description: 'the thing', schema: reply.thing } },
    problems: [...names, 'shadow_not_found', ...ledger],
  },
  listShadows: {
    id: 'listShadows',
    method: 'GET',
    path: '/v1/shadows',
    summary: 'Every shadow that was seen, commanded or listed',
    tag: 'Shadows',
    access: 'look',
    query: ask.pageQuery,
    responses: { 200: { description: 'a page, by thing, then shadow', schema: shadowPage } },
    problems: ['invalid_request', ...ledger],
  },
  getShadow: {
    id: 'getShadow',
    method: 'GET',
    path: '/v1/things/{thing}/shadow',
    summary: 'A shadow, field by field, for a screen that must not bounce',
    tag: 'Shadows',
    access: 'look',
    query: ask.shadowQuery,
    responses: { 200: { description: 'the shadow', schema: reply.shadow } },
    problems: [
      ...names,
      'shadow_not_found',
      'transport_offline',
      'transport_timeout',
      'service_rejected',
      'service_throttled',
      ...ledger,
    ],
  },
  explainShadow: {
    id: 'explainShadow',
    method: 'GET',
    path: '/v1/things/{thing}/shadow/explain',
    summary: 'Everything that is not as desired, and what stands in its way',
    tag: 'Shadows',
    access: 'look',
    query: ask.nameQuery,
    responses: { 200: { description: 'the explanation', schema: reply.shadowExplanation } },
    problems: [...names, 'shadow_not_found', 'transport_offline', 'transport_timeout', ...ledger],
  },
  listModels: {
    id: 'listModels',
    method: 'GET',
    path: '/v1/models',
    summary: 'Which model holds for which shadows',
    tag: 'Shadows',
    access: 'known',
    query: ask.emptyQuery,
    responses: { 200: { description: 'in the order in which they are tried', schema: modelList } },
    problems: ['invalid_request'],
  },
  getModel: {
    id: 'getModel',
    method: 'GET',
    path: '/v1/models/{id}',
    summary: 'A model with its JSON Schema',
    tag: 'Shadows',
    access: 'known',
    query: ask.emptyQuery,
    responses: { 200: { description: 'the model', schema: reply.model } },
    problems: ['invalid_request', 'not_found'],
  },
  listDrift: {
    id: 'listDrift',
    method: 'GET',
    path: '/v1/drift',
    summary: 'Fields that differ: since when, why, whose wish',
    tag: 'Drift',
    access: 'look',
    query: ask.driftQuery,
    responses: { 200: { description: 'a page, with counts of everything that fits', schema: reply.driftPage } },
    problems: [...names, ...ledger],
  },
  acknowledgeDrift: {
    id: 'acknowledgeDrift',
    method: 'POST',
    path: '/v1/things/{thing}/shadow/drift/acknowledge',
    summary: 'Say that somebody has seen it',
    tag: 'Drift',
    access: 'acknowledge',
    query: ask.nameQuery,
    body: ask.acknowledgeBody,
    responses: { 200: { description: 'the entry', schema: reply.drift } },
    problems: [...creating, 'not_found', 'shadow_not_found', 'forbidden', ...ledger],
  },
  listIgnoreRules: {
    id: 'listIgnoreRules',
    method: 'GET',
    path: '/v1/drift/rules',
    summary: 'What is left out of the drift report, and why',
    tag: 'Drift',
    access: 'known',
    query: ask.emptyQuery,
    responses: { 200: { description: 'all rules', schema: ruleList } },
    problems: ['invalid_request', ...ledger],
  },
  addIgnoreRule: {
    id: 'addIgnoreRule',
    method: 'POST',
    path: '/v1/drift/rules',
    summary: 'Leave drift out of the report, with a reason',
    tag: 'Drift',
    access: 'acknowledge',
    body: ask.ignoreRuleBody,
    responses: { 201: { description: 'the rule', schema: reply.ignoreRule } },
    problems: [...creating, 'not_found', 'forbidden', ...ledger],
  },
  removeIgnoreRule: {
    id: 'removeIgnoreRule',
    method: 'DELETE',
    path: '/v1/drift/rules/{id}',
    summary: 'Show it again',
    tag: 'Drift',
    access: 'acknowledge',
    query: ask.emptyQuery,
    responses: { 204: { description: 'gone' } },
    problems: ['invalid_request', 'not_found', 'forbidden', ...ledger],
  },
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
  overview: {
    id: 'overview',
    method: 'GET',
    path: '/v1/overview',
    summary: 'The fleet at a glance',
    tag: 'Shadows',
    access: 'look',
    query: ask.emptyQuery,
    responses: { 200: { description: 'counts', schema: reply.overview } },
    problems: ['invalid_request', ...ledger],
  },
  whoAmI: {
    id: 'whoAmI',
    method: 'GET',
    path: '/v1/me',
    summary: 'Who the server takes you for',
    tag: 'Server',
    access: 'known',
    query: ask.emptyQuery,
    responses: { 200: { description: 'name, roles, actions', schema: reply.identity } },
    problems: ['invalid_request'],
  },
  openApi: {
    id: 'openApi',
    method: 'GET',
    path: '/v1/openapi.json',
    summary: 'This document',
    tag: 'Server',
    access: 'public',
    responses: { 200: { description: 'OpenAPI 3.1' } },
    problems: [],
  },
  problemPage: {
    id: 'problemPage',
    method: 'GET',
    path: '/problems/{code}',
    summary: 'What a problem code means, and what to do',
    tag: 'Server',
    access: 'public',
    responses: { 200: { description: 'a page', type: 'text/html' } },
    problems: ['not_found'],
  },
  health: {
    id: 'health',
    method: 'GET',
    path: '/healthz',
    summary: 'The process answers',
    tag: 'Server',
    access: 'public',
    responses: { 200: { description: 'it does', schema: reply.health } },
    problems: [],
  },
  readiness: {
    id: 'readiness',
    method: 'GET',
    path: '/readyz',
    summary: 'Commands are accepted and will be judged',
    tag: 'Server',
    access: 'public',
    responses: {
      200: { description: 'ready', schema: reply.readiness },
      503: { description: 'not ready', schema: reply.readiness },
    },
    problems: [],
  },
  metrics: {
    id: 'metrics',
    method: 'GET',
    path: '/metrics',
    summary: 'Metrics for Prometheus',
    tag: 'Server',
    access: 'observe',
    responses: { 200: { description: 'text exposition', type: 'text/plain' } },
    problems: [],
  },
} as const satisfies Record<string, Operation>;

export type OperationId = keyof typeof OPERATIONS;

export const ALL_OPERATIONS: readonly Operation[] = Object.values(OPERATIONS);
