/** Which methods a path takes, for 405 instead of 404 where only the method is wrong. */
export interface RouteShape {
  readonly methods: readonly string[];
  /** As registered: `/v1/things/:thing/shadow`. */
  readonly url: string;
}

export function methodsOf(routes: readonly RouteShape[], requestUrl: string): string[] {
  const path = segments(requestUrl.split('?', 1)[0] ?? '');
  const methods = routes.filter(({ url }) => fits(segments(url), path)).flatMap((route) => route.methods);
  return [...new Set(methods)].sort();
}

function segments(path: string): string[] {
  return path.split('/').slice(1);
}

function fits(pattern: readonly string[], path: readonly string[]): boolean {
  return (
    pattern.length === path.length &&
    pattern.every((part, index) => (part.startsWith(':') ? path[index] !== '' : part === path[index]))
  );
}
