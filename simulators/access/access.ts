import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { z } from 'zod';
import { problem } from '../../src/core/problem.ts';
import { fail, ok, type Result } from '../../src/core/result.ts';
import { isAllowed, parsePolicy, type AccessRequest, type Policy } from './policy.ts';

/** A connection as access sees it. */
export interface Connection {
  /** The MQTT client id. */
  readonly id: string;
  /** The socket. */
  readonly conn: object;
  /** What CONNECT asked for, as the library has it while it asks us: a will, a session that lasts. */
  readonly _will?: unknown;
  readonly clean?: boolean;
}

/** Who a connection is. Plain connections are nobody and may do everything: they are for loopback. */
interface Principal {
  /** SHA-256 of the certificate, as AWS names it; `anonymous` without one. */
  readonly id: string;
  /** The thing or application that the certificate was made for: its common name. */
  readonly name: string | undefined;
  readonly policies: readonly Policy[] | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  readonly verdicts: Readonly<Record<'iot:Publish' | 'iot:Receive', Map<string, boolean>>>;
}

export interface PolicyRule {
  /** The certificate's common name; `*` for every thing's certificate that no other rule names. */
  readonly certificate: string;
  /** The thing's attributes, for `${iot:Connection.Thing.Attributes[name]}`: its group, say. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Left out: those of `*`, or the default. */
  readonly policies?: readonly Policy[];
}

const NOBODY = { id: 'anonymous', name: undefined, attributes: {} } as const;

const ANYTHING: Policy = { statements: [{ Effect: 'Allow', Action: ['*'], Resource: ['*'] }] };

/** A thing may be itself: its own client id, its own shadow, its own answers, and requests to it and to groups. */
const THING: Policy = {
  statements: [
    { Effect: 'Allow', Action: ['iot:Connect'], Resource: ['client/${iot:Connection.Thing.ThingName}'] },
    {
      Effect: 'Allow',
      Action: ['iot:Publish', 'iot:Receive'],
      Resource: [
        'topic/$aws/things/${iot:Connection.Thing.ThingName}/shadow/*',
        'topic/presence/${iot:Connection.Thing.ThingName}',
      ],
    },
    { Effect: 'Allow', Action: ['iot:Publish'], Resource: ['topic/cmd/${iot:Connection.Thing.ThingName}/resp'] },
    {
      Effect: 'Allow',
      Action: ['iot:Subscribe'],
      Resource: [
        'topicfilter/$aws/things/${iot:Connection.Thing.ThingName}/shadow/*',
        'topicfilter/cmd/${iot:Connection.Thing.ThingName}/req',
        'topicfilter/cmd/groups/*/req',
      ],
    },
    {
      Effect: 'Allow',
      Action: ['iot:Receive'],
      Resource: ['topic/cmd/${iot:Connection.Thing.ThingName}/req', 'topic/cmd/groups/*/req'],
    },
  ],
};

/** Topics of one connection whose verdict is remembered. */
const VERDICTS_KEPT = 1_000;

/** The organizational unit that `sim certs` writes: an application may do everything, a thing what `THING` says. */
export const APPLICATION_UNIT = 'application';

/**
 * Access by certificate, as on AWS: the client id is tied to the certificate's thing, and policies are asked at connect,
 * publish, subscribe and receive. Thing variables have values only while client id and thing are the same name.
 */
export class Access {
  readonly #rules: readonly PolicyRule[];
  readonly #principals = new WeakMap<Connection, Principal>();

  constructor(rules: readonly PolicyRule[] = []) {
    this.#rules = rules;
  }

  principalId(client: Connection): string {
    return this.#principal(client).id;
  }

  connect(client: Connection): boolean {
    const attributes = [
      ...(client._will === undefined || client._will === null ? [] : ['LastWill']),
      ...(client.clean === false ? ['PersistentConnect'] : []),
    ];
    return this.#asks(client, 'iot:Connect', `client/${client.id}`, { 'iot:ConnectAttributes': attributes.join(',') });
  }

  publish(client: Connection, topic: string): boolean {
    return this.#remembered(client, 'iot:Publish', topic);
  }

  subscribe(client: Connection, filter: string): boolean {
    return this.#asks(client, 'iot:Subscribe', `topicfilter/${filter}`);
  }

  receive(client: Connection, topic: string): boolean {
    return this.#remembered(client, 'iot:Receive', topic);
  }

  /** Policies and variables of a connection stay as they are, and its topics come again and again. */
  #remembered(client: Connection, action: 'iot:Publish' | 'iot:Receive', topic: string): boolean {
    const verdicts = this.#principal(client).verdicts[action];
    let verdict = verdicts.get(topic);
    if (verdict !== undefined) return verdict;
    if (verdicts.size >= VERDICTS_KEPT) verdicts.clear();
    verdicts.set(topic, (verdict = this.#asks(client, action, `topic/${topic}`)));
    return verdict;
  }

  #asks(
    client: Connection,
    action: AccessRequest['action'],
    resource: string,
    more: Readonly<Record<string, string>> = {},
  ): boolean {
    const { name, policies, attributes } = this.#principal(client);
    if (policies === undefined) return true;
    const variables: Record<string, string> = {
      ...more,
      'iot:ClientId': client.id,
      'iot:Connection.Thing.IsAttached': 'false',
    };
    if (name !== undefined) variables['iot:Certificate.Subject.CommonName'] = name;
    if (name === client.id) {
      variables['iot:Connection.Thing.ThingName'] = name;
      variables['iot:Connection.Thing.IsAttached'] = 'true';
      for (const [attribute, value] of Object.entries(attributes)) {
        variables[`iot:Connection.Thing.Attributes[${attribute}]`] = value;
      }
    }
    return isAllowed(policies, { action, resource, variables });
  }

  #principal(client: Connection): Principal {
    let principal = this.#principals.get(client);
    if (principal === undefined) this.#principals.set(client, (principal = this.#identify(client)));
    return principal;
  }

  #identify(client: Connection): Principal {
    const socket = client.conn as Partial<TLSSocket>;
    const verdicts = { 'iot:Publish': new Map<string, boolean>(), 'iot:Receive': new Map<string, boolean>() };
    if (socket.encrypted !== true) return { ...NOBODY, policies: undefined, verdicts };
    const certificate = socket.getPeerCertificate?.();
    const raw = certificate?.raw;
    if (certificate === undefined || raw === undefined) return { ...NOBODY, policies: [], verdicts };
    const { CN, OU } = certificate.subject as { CN?: string | string[]; OU?: string | string[] };
    const name = [CN].flat()[0];
    const named = this.#rules.find((rule) => rule.certificate === name);
    const isApplication = [OU].flat().includes(APPLICATION_UNIT);
    const fallback = this.#rules.find((rule) => rule.certificate === '*');
    const policies = named?.policies ?? (isApplication ? [ANYTHING] : (fallback?.policies ?? [THING]));
    const id = createHash('sha256').update(raw).digest('hex');
    return { id, name, policies, attributes: named?.attributes ?? {}, verdicts };
  }
}

const fileSchema = z.array(
  z.strictObject({
    certificate: z.string().min(1),
    attributes: z.record(z.string().min(1), z.string()).optional(),
    policies: z.array(z.unknown()).optional(),
  }),
);

/** A policy file: `[{ "certificate": "heater", "attributes": { "group": "floor-1" }, "policies": [ … ] }]`. */
export function parsePolicyRules(input: unknown): Result<PolicyRule[]> {
  const parsed = fileSchema.safeParse(input);
  if (!parsed.success) {
    return fail(problem('invalid_config', 'a policy file is a list of { certificate, attributes, policies }'));
  }
  const rules: PolicyRule[] = [];
  for (const { certificate, attributes, policies } of parsed.data) {
    const named = attributes === undefined ? { certificate } : { certificate, attributes };
    if (policies === undefined) {
      rules.push(named);
      continue;
    }
    const read: Policy[] = [];
    for (const policy of policies) {
      const result = parsePolicy(policy);
      if (!result.ok) return fail({ ...result.problem, at: `${certificate}${result.problem.at ?? ''}` });
      read.push(result.value);
    }
    rules.push({ ...named, policies: read });
  }
  return ok(rules);
}
