import { inScope, scopeOf, type Scope } from '../core/access/decide.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { AccessControl } from '../ports/access-control.ts';
import type { Frame } from './event-feed.ts';

/** What one credential may look at, as it was said at an instant. */
export class StreamRights {
  /** Of `performance.now()`. */
  readonly at: number;
  readonly #scope: Scope | undefined;
  #judged: { readonly ref: ShadowRef; readonly allowed: boolean } | undefined;

  constructor(scope: Scope | undefined, at: number) {
    this.#scope = scope;
    this.at = at;
  }

  /** Many streams ask about the same frame one after the other: it is judged once. */
  allow({ ref }: Pick<Frame, 'ref'>): boolean {
    if (this.#judged?.ref !== ref) this.#judged = { ref, allowed: inScope(this.#scope, ref) };
    return this.#judged.allowed;
  }
}

const EVERYTHING = new StreamRights(undefined, Infinity);

/** How old the answer about rights may be when an event is told. */
const RIGHTS_MS = 1_000;
/** Credentials whose answers are remembered; beyond that the old ones are forgotten. */
const KEPT_MAX = 1_000;

/**
 * The rights behind event streams. A credential is asked about at most once a second, however many streams it has open;
 * an answer that is younger holds for all of them.
 */
export class RightsOfStreams {
  readonly #access: AccessControl | undefined;
  readonly #answers = new Map<string, { at: number; answer: Promise<StreamRights | undefined> }>();

  constructor(access: AccessControl | undefined) {
    this.#access = access;
  }

  /** Without access control there is nothing to ask again. */
  areFresh({ at }: StreamRights): boolean {
    return performance.now() - at <= RIGHTS_MS;
  }

  /** Undefined if the credential is not valid any more. */
  async of(bearer: string): Promise<StreamRights | undefined> {
    const access = this.#access;
    if (access === undefined) return EVERYTHING;
    const now = performance.now();
    const known = this.#answers.get(bearer);
    if (known !== undefined && now - known.at <= RIGHTS_MS) return known.answer;
    if (this.#answers.size >= KEPT_MAX) this.#forget(now);
    const answer = this.#ask(access, bearer, now);
    this.#answers.set(bearer, { at: now, answer });
    return answer;
  }

  async #ask(access: AccessControl, bearer: string, now: number): Promise<StreamRights | undefined> {
    const principal = await access.authenticate(bearer);
    return principal.ok ? new StreamRights(scopeOf(principal.value.rules, 'look'), now) : undefined;
  }

  #forget(now: number): void {
    for (const [bearer, { at }] of this.#answers) if (now - at > RIGHTS_MS) this.#answers.delete(bearer);
  }
}
