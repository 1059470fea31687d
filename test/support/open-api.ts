import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { openApiDocument } from '../../src/http/openapi.ts';

interface Described {
  readonly paths: Record<string, Record<string, { operationId: string; responses: Record<string, ResponseShape> }>>;
  readonly components: { readonly schemas: Record<string, object> };
}

interface ResponseShape {
  readonly content?: Record<string, { readonly schema: object }>;
  readonly headers?: Record<string, unknown>;
}

/** Holds answers against our own document. */
export class Contract {
  readonly document = openApiDocument({ version: '0.0.0' }) as unknown as Described;
  /** `operationId status` of every answer that was held against it. */
  readonly seen = new Set<string>();
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  readonly #compiled = new Map<object, ValidateFunction>();

  constructor() {
    this.#ajv.addSchema({ $id: 'doc', components: this.document.components });
  }

  /** What is wrong with an answer; empty if nothing is. */
  violations({
    method,
    path,
    status,
    type,
    body,
  }: {
    method: string;
    path: string;
    status: number;
    type: string;
    body: string;
  }): string[] {
    const operation = this.#operation(method, path);
    // Wrong paths and methods are no operation; they still answer with a problem.
    if (operation === undefined) return this.#check('Problem', this.document.components.schemas['Problem'] ?? {}, body);
    const shape = operation.responses[String(status)];
    if (shape === undefined) return [`${operation.operationId}: status ${status} is not in the document`];
    this.seen.add(`${operation.operationId} ${status}`);
    if (shape.content === undefined) return body === '' ? [] : [`${operation.operationId} ${status}: a body`];
    const [media = ''] = type.split(';');
    const content = shape.content[media];
    if (content === undefined) return [`${operation.operationId} ${status}: ${type} is not in the document`];
    if (!media.endsWith('json')) return [];
    return this.#check(`${operation.operationId} ${status}`, content.schema, body);
  }

  /** What is wrong with a value that a named schema of the document describes. */
  against(schema: string, value: unknown): string[] {
    return this.#check(schema, this.document.components.schemas[schema] ?? {}, JSON.stringify(value));
  }

  #operation(method: string, url: string) {
    const path = new URL(url, 'http://x').pathname;
    for (const [template, methods] of Object.entries(this.document.paths)) {
      const pattern = new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
      const found = pattern.test(path) ? methods[method.toLowerCase()] : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #check(what: string, schema: object, body: string): string[] {
    let validate = this.#compiled.get(schema);
    if (validate === undefined) {
      const rooted = JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"doc#/components/')) as object;
      validate = this.#ajv.compile(rooted);
      this.#compiled.set(schema, validate);
    }
    let value: unknown;
    try {
      value = JSON.parse(body);
    } catch {
      return [`${what}: no JSON`];
    }
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${what}${instancePath}: ${message} ${JSON.stringify(params)}`,
    );
  }
}
