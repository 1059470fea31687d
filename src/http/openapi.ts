import { z } from 'zod';
import { PROBLEMS, type ProblemCode } from '../core/problem.ts';
import type { JsonObject } from '../core/json/json.ts';
import { ALL_OPERATIONS } from './operations.ts';
import type { Answer, Operation } from './operations/operation.ts';
import { PROBLEM_TYPE } from './problem-response.ts';
import { problemDetails } from './responses/parts.ts';

/**
 * The OpenAPI 3.1 document, written from the operations and their zod schemas. Named schemas (`meta({ id })`) become
 * components; everything else stands where it is used.
 */
export function openApiDocument({ version }: { version: string }): JsonObject {
  const components: Record<string, unknown> = {};
  const schemaOf = (schema: z.ZodType, io: 'input' | 'output') => inComponents(schema, io, components);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of ALL_OPERATIONS) {
    const item = (paths[operation.path] ??= {});
    item[operation.method.toLowerCase()] = describe(operation, schemaOf);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'shadowctl',
      version,
      summary: 'A command is done when the device shows that it did it.',
      description:
        'Set desired state of device shadows, follow each command to its verdict, see what differs and why. Errors are problem details (RFC 9457) with a stable `code`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'this server' }],
    security: [{ bearer: [] }, {}],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description:
            'An API key (`shadowctl keys create`) or a JWT of a configured issuer. Not asked for on a loopback server without an access file.',
        },
      },
      schemas: components,
    },
  } as unknown as JsonObject;
}

const TAGS: Readonly<Record<Operation['tag'], string>> = {
  Commands: 'One wish each, followed to its end.',
  Shadows: 'What is desired, what is reported, and the things behind it.',
  Drift: 'What differs, since when, why, whose wish.',
  Events: 'Everything that happens to commands, as it happens.',
  Server: 'About the server itself.',
};

type SchemaOf = (schema: z.ZodType, io: 'input' | 'output') => unknown;

function describe(operation: Operation, schemaOf: SchemaOf): unknown {
  const { id, summary, description, tag, query, body, headers = [], access } = operation;
  const parameters = [
    ...[...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => pathParameter(name ?? '')),
    ...(query === undefined ? [] : queryParameters(schemaOf(query, 'input'))),
    ...headers.map((name) => HEADERS[name]),
  ];
  return {
    operationId: id,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag],
    ...(access === 'public' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: !allOptional(body),
            content: { 'application/json': { schema: schemaOf(body, 'input') } },
          },
        }),
    responses: {
      ...Object.fromEntries(
        Object.entries(operation.responses).map(([status, answer]) => [status, describeAnswer(answer, schemaOf)]),
      ),
      ...problemResponses(operation, schemaOf),
    },
  };
}

function describeAnswer({ description, schema, type = 'application/json', headers = [] }: Answer, schemaOf: SchemaOf) {
  const content =
    schema === undefined && type === 'application/json' && description !== 'OpenAPI 3.1'
      ? {}
      : {
          content: {
            [type]: {
              schema:
                schema === undefined
                  ? { type: type === 'application/json' ? 'object' : 'string' }
                  : type === 'text/event-stream'
                    ? {
                        type: 'string',
                        contentMediaType: 'application/json',
                        contentSchema: schemaOf(schema, 'output'),
                      }
                    : schemaOf(schema, 'output'),
            },
          },
        };
  return {
    description,
    ...(headers.length === 0
      ? {}
      : { headers: Object.fromEntries(headers.map((name) => [name, RESPONSE_HEADERS[name]])) }),
    ...content,
  };
}

/** Any operation can end with these. */
const ANY: readonly ProblemCode[] = ['method_not_allowed', 'invalid_request', 'internal'];
const GUARDED: readonly ProblemCode[] = ['unauthenticated', 'forbidden', 'rate_limited', 'server_unreachable'];

export function problemsOf({ problems, access }: Operation): ProblemCode[] {
  return [...new Set([...problems, ...ANY, ...(access === 'public' ? [] : GUARDED)])];
}

function problemResponses(operation: Operation, schemaOf: SchemaOf): Record<string, unknown> {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of problemsOf(operation)) {
    const { http } = PROBLEMS[code];
    byStatus.set(http, [...(byStatus.get(http) ?? []), code]);
  }
  const answers = [...byStatus].filter(([status]) => !(status in operation.responses));
  return Object.fromEntries(
    answers.map(([status, codes]) => [
      String(status),
      {
        description: codes.map((code) => `\`${code}\``).join(', '),
        content: { [PROBLEM_TYPE]: { schema: schemaOf(problemDetails, 'output') } },
      },
    ]),
  );
}

function pathParameter(name: string): unknown {
  const schema =
    name === 'thing'
      ? { type: 'string', pattern: '^[a-zA-Z0-9:_-]{1,128}$' }
      : { type: 'string', minLength: 1, maxLength: 256 };
  return { name, in: 'path', required: true, schema };
}

function queryParameters(schema: unknown): unknown[] {
  const { properties = {}, required = [] } = schema as {
    properties?: Record<string, Record<string, unknown>>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

const HEADERS = {
  'idempotency-key': {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description: 'Repeating a request with the same key gives the same command, never a second one.',
    schema: { type: 'string', pattern: '^[!-~]{1,255}$' },
  },
  prefer: {
    name: 'Prefer',
    in: 'header',
    required: false,
    description: '`wait=20` holds the answer up to 20 seconds (at most 60), until a command has ended.',
    schema: { type: 'string', examples: ['wait=20'] },
  },
  'last-event-id': {
    name: 'Last-Event-ID',
    in: 'header',
    required: false,
    description: 'The sequence of the last event that was read.',
    schema: { type: 'string', pattern: '^[0-9]{1,15}$' },
  },
} as const;

const RESPONSE_HEADERS = {
  location: { description: 'where to follow it', schema: { type: 'string', format: 'uri-reference' } },
  'idempotency-replayed': { description: 'an earlier request with this key made it', schema: { const: 'true' } },
  'preference-applied': { description: 'how long the answer was held at most', schema: { type: 'string' } },
} as const;

function allOptional(body: z.ZodType): boolean {
  return body.safeParse({}).success;
}

/** The schema, with every named one inside moved to `components`. */
function inComponents(schema: z.ZodType, io: 'input' | 'output', components: Record<string, unknown>): unknown {
  const {
    $schema: _,
    $defs = {},
    ...root
  } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
    reused: 'inline',
  }) as Record<string, unknown>;
  const renamed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(renamed);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key, child]) => !(key === 'id' && typeof child === 'string' && 'type' in value))
        .map(([key, child]) =>
          key === '$ref' && typeof child === 'string'
            ? [key, child.replace('#/$defs/', '#/components/schemas/')]
            : [key, renamed(child)],
        ),
    );
  };
  for (const [name, definition] of Object.entries($defs as Record<string, unknown>)) {
    components[name] = renamed(definition);
  }
  const { id } = root as { id?: unknown };
  if (typeof id !== 'string') return renamed(root);
  components[id] = renamed(root);
  return { $ref: `#/components/schemas/${id}` };
}
