import { COMMAND_OPERATIONS } from './operations/command.ts';
import { DIRECT_OPERATIONS } from './operations/direct.ts';
import { DRIFT_OPERATIONS } from './operations/drift.ts';
import { MANY_OPERATIONS } from './operations/many.ts';
import type { Operation } from './operations/operation.ts';
import { SERVER_OPERATIONS } from './operations/server.ts';
import { SHADOW_OPERATIONS } from './operations/shadow.ts';

/**
 * Every operation of the API: the server registers its routes from here, the OpenAPI document is written from here, and
 * what is not here does not exist.
 */
export const OPERATIONS = {
  ...COMMAND_OPERATIONS,
  ...MANY_OPERATIONS,
  ...DIRECT_OPERATIONS,
  ...SHADOW_OPERATIONS,
  ...DRIFT_OPERATIONS,
  ...SERVER_OPERATIONS,
} as const satisfies Record<string, Operation>;

export type OperationId = keyof typeof OPERATIONS;

export const ALL_OPERATIONS: readonly Operation[] = Object.values(OPERATIONS);
