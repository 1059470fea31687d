import * as ask from '../requests.ts';
import * as reply from '../responses/drift.ts';
import { pageOf } from '../responses/parts.ts';
import { creating, ledger, names, type Operation } from './operation.ts';

const ruleList = pageOf(reply.ignoreRule, 'IgnoreRuleList');

export const DRIFT_OPERATIONS = {
  listDrift: {
    id: 'listDrift',
    method: 'GET',
    path: '/v1/drift',
    summary: 'Fields that differ: since when, why, whose wish',
    tag: 'Drift',
    access: 'look',
    query: ask.driftQuery,
    responses: { 200: { description: 'a page, with counts of everything that fits', schema: reply.driftPage } },
    problems: [...names, 'not_found', ...ledger],
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
  overview: {
    id: 'overview',
    method: 'GET',
    path: '/v1/overview',
    summary: 'The fleet at a glance, as far as the caller may look at it',
    tag: 'Shadows',
    access: 'look',
    query: ask.emptyQuery,
    responses: { 200: { description: 'counts', schema: reply.overview } },
    problems: ['invalid_request', ...ledger],
  },
} as const satisfies Record<string, Operation>;
