import { z } from 'zod';
import { problem } from '../../src/core/problem.ts';
import { fail, ok, type Result } from '../../src/core/result.ts';

/** What a policy is asked. `resource` is the part of the ARN after the account: `topic/a/b`, `client/heater`. */
export interface AccessRequest {
  readonly action: 'iot:Connect' | 'iot:Publish' | 'iot:Subscribe' | 'iot:Receive';
  readonly resource: string;
  /** `iot:Connection.Thing.ThingName` and the like, by the name inside `${…}`. */
  readonly variables: Readonly<Record<string, string>>;
}

const oneOrMany = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (Array.isArray(value) ? value : [value]));
const OPERATORS = ['Bool', 'StringEquals', 'StringNotEquals', 'StringLike', 'ForAllValues:StringEquals'] as const;

const statementSchema = z.strictObject({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Action: oneOrMany,
  Resource: oneOrMany,
  Condition: z.partialRecord(z.enum(OPERATORS), z.record(z.string(), oneOrMany)).optional(),
});

const schema = z.strictObject({
  Version: z.string().optional(),
  Id: z.string().optional(),
  Statement: z
    .union([statementSchema, z.array(statementSchema)])
    .transform((value) => (Array.isArray(value) ? value : [value])),
});

type Statement = z.output<typeof statementSchema>;

/** A policy in AWS's own form. Conditions beyond `Bool` and string comparison are refused rather than ignored. */
export interface Policy {
  readonly statements: readonly Statement[];
}

export function parsePolicy(input: unknown): Result<Policy> {
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const at = `/${issue?.path.join('/') ?? ''}`;
    return fail(problem('invalid_config', `a policy is wrong: ${issue?.message ?? 'no object'}`, { at }));
  }
  return ok({ statements: parsed.data.Statement });
}

/**
 * May it? Denied unless a statement allows it and none denies it. `*` stands for any characters, slashes included, `?` for
 * one. A statement with a variable that has no value matches nothing. Partition, region and account of an ARN are not
 * compared: a local cloud has none.
 */
export function isAllowed(policies: readonly Policy[], request: AccessRequest): boolean {
  let allowed = false;
  for (const { statements } of policies) {
    for (const statement of statements) {
      if (!applies(statement, request)) continue;
      if (statement.Effect === 'Deny') return false;
      allowed = true;
    }
  }
  return allowed;
}

function applies(statement: Statement, request: AccessRequest): boolean {
  const { action, resource, variables } = request;
  return (
    statement.Action.some((pattern) => matches(pattern, action.toLowerCase(), {}, 'i')) &&
    statement.Resource.some((pattern) => matches(resourcePart(pattern), resource, variables)) &&
    Object.entries(statement.Condition ?? {}).every(([operator, tests]) =>
      Object.entries(tests).every(([key, wanted]) => holds(operator, variables[key], wanted, variables)),
    )
  );
}

function holds(
  operator: string,
  actual: string | undefined,
  wanted: readonly string[],
  variables: Readonly<Record<string, string>>,
): boolean {
  // Several values in one variable, such as `iot:ConnectAttributes`; none at all satisfies it, as in IAM.
  if (operator === 'ForAllValues:StringEquals') {
    return (actual ?? '').split(',').every((value) => value === '' || wanted.includes(value));
  }
  if (operator === 'StringNotEquals') return actual === undefined || !wanted.includes(actual);
  if (actual === undefined) return false;
  if (operator === 'StringLike') return wanted.some((pattern) => matches(pattern, actual, variables));
  if (operator === 'Bool') return wanted.some((value) => value.toLowerCase() === actual.toLowerCase());
  return wanted.some((value) => substituted(value, variables) === actual);
}

/** `arn:aws:iot:us-east-1:123456789012:topic/a` → `topic/a`. */
function resourcePart(arn: string): string {
  const parts = arn.split(':');
  return parts[0] === 'arn' && parts.length >= 6 ? parts.slice(5).join(':') : arn;
}

const VARIABLE = /\$\{([^}]+)\}/g;

function substituted(text: string, variables: Readonly<Record<string, string>>): string | undefined {
  let known = true;
  const result = text.replace(VARIABLE, (_all, name: string) => {
    known &&= Object.hasOwn(variables, name);
    return variables[name] ?? '';
  });
  return known ? result : undefined;
}

/** Variables are values, not patterns: a `*` in a client id matches a `*` only. */
function matches(pattern: string, text: string, variables: Readonly<Record<string, string>>, flags = ''): boolean {
  let expression = '';
  let at = 0;
  for (const found of pattern.matchAll(VARIABLE)) {
    const value = variables[found[1] ?? ''];
    if (value === undefined) return false;
    expression += wildcards(pattern.slice(at, found.index)) + literal(value);
    at = found.index + found[0].length;
  }
  return new RegExp(`^${expression}${wildcards(pattern.slice(at))}$`, `s${flags}`).test(text);
}

function wildcards(text: string): string {
  return text
    .replace(/[.+^${}()|[\]\\/-]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
