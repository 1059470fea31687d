import * as ask from '../requests.ts';
import { pageOf, shadowRef } from '../responses/parts.ts';
import * as reply from '../responses/shadow.ts';
import { ledger, names, type Operation } from './operation.ts';

const shadowPage = pageOf(shadowRef, 'ShadowPage');
const thingPage = pageOf(reply.thing, 'ThingPage');
const modelList = pageOf(reply.model, 'ModelList');

export const SHADOW_OPERATIONS = {
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
} as const satisfies Record<string, Operation>;
