import { signal } from '@preact/signals';

/** The console is one more caller of the HTTP API: it knows nothing that a script could not ask. */

/** An answer of the server that is not the one we hoped for. `code` as in docs/PROBLEMS.md. */
export interface ApiProblem {
  readonly code: string;
  readonly detail: string;
  readonly status: number;
}

export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: ApiProblem };

/** Kept for this tab only. Empty where the server asks for none. */
export const accessKey = signal(sessionStorage.getItem('accessKey') ?? '');
/** Set when the server wants a key that we do not have; the sign-in page shows instead of everything else. */
export const keyWanted = signal(false);

export function useKey(key: string): void {
  sessionStorage.setItem('accessKey', key);
  accessKey.value = key;
  keyWanted.value = false;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export function get<T>(path: string, query: Query = {}): Promise<Answer<T>> {
  return request<T>('GET', withQuery(path, query));
}

/** Each attempt of a person is one wish: the key makes a repeated click the same command. */
export function post<T>(
  path: string,
  body: object,
  { query = {}, idempotencyKey }: { query?: Query; idempotencyKey?: string } = {},
): Promise<Answer<T>> {
  return request<T>('POST', withQuery(path, query), body, idempotencyKey);
}

export function remove(path: string): Promise<Answer<void>> {
  return request<void>('DELETE', path);
}

export const paths = {
  thing: (thing: string) => `/v1/things/${encodeURIComponent(thing)}`,
  shadow: (thing: string) => `/v1/things/${encodeURIComponent(thing)}/shadow`,
  explainShadow: (thing: string) => `/v1/things/${encodeURIComponent(thing)}/shadow/explain`,
  commandsOf: (thing: string) => `/v1/things/${encodeURIComponent(thing)}/commands`,
  command: (id: string) => `/v1/commands/${encodeURIComponent(id)}`,
};

export function headers(): Record<string, string> {
  return accessKey.value === '' ? {} : { authorization: `Bearer ${accessKey.value}` };
}

async function request<T>(method: string, url: string, body?: object, idempotencyKey?: string): Promise<Answer<T>> {
  try {
    const response = await fetch(url, {
      method,
      headers: {
        accept: 'application/json',
        ...headers(),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer: unknown = response.status === 204 ? undefined : await response.json();
    if (response.ok) return { ok: true, value: answer as T };
    if (response.status === 401) keyWanted.value = true;
    const { code, detail, title } = answer as { code?: string; detail?: string; title?: string };
    return failed(code ?? 'internal', detail ?? title ?? response.statusText, response.status);
  } catch {
    // What is only read is asked for again by whoever shows it; a change may have been taken before the answer was lost.
    if (method === 'GET')
      return failed('server_unreachable', 'The server does not answer. It is tried again by itself.', 0);
    return failed('answer_lost', 'No answer came: it may have been done. Look before you do it again.', 0);
  }
}

function failed(code: string, detail: string, status: number): { ok: false; problem: ApiProblem } {
  return { ok: false, problem: { code, detail, status } };
}

function withQuery(path: string, query: Query): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  );
  const text = new URLSearchParams(pairs).toString();
  return text === '' ? path : `${path}?${text}`;
}
