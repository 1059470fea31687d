import { fail, ok, type Result } from '../../src/core/result.ts';
import type { ShadowRejection } from '../../src/core/shadow/rejection.ts';

export interface NamesPage {
  readonly results: readonly string[];
  readonly nextToken?: string;
}

/** AWS does not say what its default is; a peer's is 25. */
const PAGE_SIZE_DEFAULT = 25;
const PAGE_SIZE_MAX = 100;

/**
 * One page of sorted names. The token is the last name of the page before, so a page stays right while names come and go;
 * the last page has none.
 *
 * Source   R80.
 */
export function namesPage(names: readonly string[], query: URLSearchParams): Result<NamesPage, ShadowRejection> {
  const size = query.get('pageSize');
  const pageSize = size === null ? PAGE_SIZE_DEFAULT : Number(size);
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > PAGE_SIZE_MAX) {
    return fail({ code: 400, message: 'pageSize must be between 1 and 100' });
  }
  const token = query.get('nextToken');
  const after = token === null ? undefined : Buffer.from(token, 'base64url').toString('utf8');
  if (after !== undefined && tokenOf(after) !== token) return fail({ code: 400, message: 'Invalid nextToken' });
  const from = after === undefined ? 0 : names.findIndex((name) => name > after);
  const results = from < 0 ? [] : names.slice(from, from + pageSize);
  const last = results.at(-1);
  const more = last !== undefined && last !== names.at(-1);
  return ok(more ? { results, nextToken: tokenOf(last) } : { results });
}

function tokenOf(name: string): string {
  return Buffer.from(name, 'utf8').toString('base64url');
}
