import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ANONYMOUS, type AccessAction, type AccessQuestion, type Principal } from '../core/access/access.ts';
import { decide, scopeOf, type Scope } from '../core/access/decide.ts';
import type { FieldPointer } from '../core/brand.ts';
import { problem } from '../core/problem.ts';
import { done, fail, ok, type Result } from '../core/result.ts';
import { shadowKey } from '../core/shadow/shadow-ref.ts';
import type { Actor } from '../cloud/cloud.ts';
import type { AccessLimits } from '../ports/access-control.ts';
import { NOT_THERE } from './not-there.ts';
import type { Operation } from './operations/operation.ts';
import type { RequestProblem } from './problem-response.ts';
import { Rates } from './rates.ts';
import { answer, type Guard, type HttpParts } from './respond.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks. Set before any handler runs. */
    principal: Principal;
  }
  interface FastifyContextConfig {
    /** What the route is; a route without it cannot be registered. */
    operation?: Pick<Operation, 'id' | 'access'>;
  }
}

/**
 * Who asks, and how often: in front of every route.
 *
 * Off      Without `access` everybody is `anonymous` and may do everything. Whoever composes the server allows that on
 *          loopback only, and says so.
 * On       `Authorization: Bearer`, an API key or a JWT. Never in the URL, where proxies and histories keep it (C-06).
 * Rates    Requests per credential, failed log-ins per address, commands per thing; 429 with `Retry-After`.
 */
export function guard(app: FastifyInstance, parts: HttpParts): Guard {
  const limits = new Limits();
  app.decorateRequest('principal', null as unknown as Principal);
  app.addHook('onRoute', ({ config, url }) => {
    if (config?.operation === undefined) throw new Error(`the route ${url} does not say who may use it`);
  });
  app.addHook('onRequest', (request, reply, next) => {
    const refuse = (refused: RequestProblem): void => void answer(parts, request, reply, refused);
    request.principal = ANONYMOUS;
    const inUrl = credentialInUrl(request);
    if (inUrl !== undefined) return refuse(inUrl);
    if (isForAll(parts, request)) return next();
    identify(parts, limits, request, reply).then((refused) => (refused === undefined ? next() : refuse(refused)), next);
  });
  return {
    mayCommand: (ref) => {
      if (parts.access === undefined) return done;
      const waitMs = limits.of(parts.access.limits).things.take(shadowKey({ thingName: ref.thingName }), now());
      return waitMs === 0 ? done : fail(tooMany('commands to this thing', waitMs));
    },
  };
}

const now = (): number => performance.now();

/** Without an operation there is no such route, and the answer is the same for everybody. */
function isForAll({ access }: HttpParts, request: FastifyRequest): boolean {
  const operation = request.routeOptions.config.operation;
  return access === undefined || operation === undefined || operation.access === 'public';
}

async function identify(
  parts: HttpParts,
  limits: Limits,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<RequestProblem | undefined> {
  const { access, log } = parts;
  const operation = request.routeOptions.config.operation;
  if (access === undefined || operation === undefined) return undefined;
  const rates = limits.of(access.limits);
  const bearer = bearerOf(request);
  const principal =
    bearer === undefined
      ? fail(problem('unauthenticated', 'this server asks who you are: send Authorization: Bearer KEY'))
      : await access.authenticate(bearer);
  if (!principal.ok) {
    if (principal.problem.code !== 'unauthenticated') return principal.problem;
    const { cause, message } = principal.problem;
    log.info(
      { requestId: request.id, address: request.ip, reason: reasonOf(cause) },
      'request refused: not authenticated',
    );
    reply.header('www-authenticate', 'Bearer realm="shadowctl"');
    // Whoever brings a valid credential is never shut out by somebody else's failures.
    const waitMs = rates.failures.take(request.ip, now());
    return waitMs === 0 ? problem('unauthenticated', message) : tooMany('failed log-ins from this address', waitMs);
  }
  request.principal = principal.value;
  const waitMs = rates.requests.take(principal.value.id, now());
  if (waitMs > 0) return tooMany('requests with this credential', waitMs);
  return mayAtAll(request.principal, operation)
    ? undefined
    : problem('forbidden', `${request.principal.name} has no role that allows this`);
}

/** Early, before anything is read: somebody without any rule for an action has it on no shadow. */
function mayAtAll({ rules }: Principal, { access }: Pick<Operation, 'access'>): boolean {
  if (access === 'public' || access === 'known') return true;
  return rules.some(({ effect, actions }) => effect === 'allow' && actions.includes(access));
}

/** The credential as it was sent; undefined if there is none in the one place for it. */
export function bearerOf({ headers: { authorization } }: FastifyRequest): string | undefined {
  return /^bearer +([\x21-\x7e]{1,8000})$/i.exec(authorization ?? '')?.[1];
}

const CREDENTIAL_NAMES = /^(?:access_?token|api_?key|auth|authorization|bearer|jwt|key|password|secret|token)$/i;

function credentialInUrl({ query }: FastifyRequest): RequestProblem | undefined {
  const found = Object.keys((query as Record<string, unknown> | undefined) ?? {}).find((name) =>
    CREDENTIAL_NAMES.test(name),
  );
  if (found === undefined) return undefined;
  const why = 'credentials never go into a URL, where proxies and histories keep them: use the Authorization header';
  return problem('invalid_request', why, { at: found });
}

/** Asks the one decision. A shadow that the caller may not know of is answered like one that does not exist. */
export function permit(
  { access, log }: HttpParts,
  { principal, id }: FastifyRequest,
  question: AccessQuestion,
  unknown: 'shadow_not_found' | 'command_not_found' | 'not_found' = 'shadow_not_found',
): Result<void, RequestProblem> {
  if (access === undefined) return done;
  const decision = decide(principal.rules, question);
  if (decision.allowed) return done;
  const { action, ref } = question;
  const shadow = ref === undefined ? undefined : shadowKey(ref);
  log.info({ requestId: id, principal: principal.id, action, shadow }, 'request refused: not allowed');
  if (!decision.visible) return fail(problem(unknown, NOT_THERE[unknown] ?? ''));
  return fail(forbidden(principal, question, decision.forbidden));
}

function forbidden(
  { name }: Principal,
  { action, ref }: AccessQuestion,
  fields: readonly FieldPointer[],
): RequestProblem {
  const where = ref === undefined ? '' : ` ${shadowKey(ref)}`;
  const what = fields.length === 0 ? `${action}${where}` : `${action} ${fields.join(', ')} of${where}`;
  const [first] = fields;
  return {
    ...problem('forbidden', `${name} is not allowed to ${what}`, first === undefined ? {} : { at: first }),
    errors: fields.slice(0, 100).map((field) => ({ at: field, detail: 'not allowed' })),
  };
}

/** For what concerns all shadows at once. */
export function permitEverywhere(
  parts: HttpParts,
  { principal }: FastifyRequest,
  action: AccessAction,
): Result<void, RequestProblem> {
  if (parts.access === undefined || scopeOf(principal.rules, action) === undefined) return done;
  return fail(
    problem('forbidden', `${principal.name} is not allowed to ${action} every shadow, and this concerns all of them`),
  );
}

/** What the caller may look at, for lists; undefined: everything. */
export function visibleTo(parts: HttpParts, { principal }: FastifyRequest): Scope | undefined {
  return parts.access === undefined ? undefined : scopeOf(principal.rules, 'look');
}

/** The author is whoever the credential says; without access control, whoever the caller says. */
export function actorOf(
  { access }: HttpParts,
  { principal }: FastifyRequest,
  author: string | undefined,
): Result<Actor, RequestProblem> {
  if (access === undefined) return ok({ name: author ?? ANONYMOUS.name });
  const { name, id, roles, variables } = principal;
  if (author !== undefined && author !== name) {
    return fail(
      problem('forbidden', `the author is ${name}, as the credential says; leave the member out`, { at: '/author' }),
    );
  }
  return ok({ name, grant: { principal: id, roles, variables } });
}

/** Keys of different callers never meet (attack C-09). */
export function scopedKey({ access }: HttpParts, { principal }: FastifyRequest, key: string): string {
  return access === undefined ? key : `${principal.id} ${key}`;
}

export function tooMany(what: string, waitMs: number): RequestProblem {
  const afterS = Math.max(1, Math.ceil(waitMs / 1_000));
  return { ...problem('rate_limited', `too many ${what}; again after ${afterS} s`), retryAfterS: afterS };
}

function reasonOf(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return typeof cause === 'string' ? cause : 'no credential';
}

interface LimitRates {
  readonly requests: Rates;
  readonly failures: Rates;
  readonly things: Rates;
}

/** The buckets for the limits in force; new limits start with full ones. */
class Limits {
  #from: AccessLimits | undefined;
  #rates: LimitRates | undefined;

  of(limits: AccessLimits): LimitRates {
    if (this.#rates !== undefined && this.#from === limits) return this.#rates;
    const { requestsPerS, requestsBurst, commandsPerThingPerS, commandsPerThingBurst, failedLoginsPerMinute } = limits;
    this.#from = limits;
    this.#rates = {
      requests: new Rates({ perS: requestsPerS, burst: requestsBurst }),
      failures: new Rates({ perS: failedLoginsPerMinute / 60, burst: failedLoginsPerMinute }),
      things: new Rates({ perS: commandsPerThingPerS, burst: commandsPerThingBurst }),
    };
    return this.#rates;
  }
}
