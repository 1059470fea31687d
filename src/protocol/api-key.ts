/**
 * An API key as a caller sends it: `sctl_`, an id that is no secret, and 256 random bits. The fixed start lets secret
 * scanners find leaked ones.
 */
export interface ApiKey {
  readonly id: string;
  readonly secret: string;
}

const API_KEY = /^sctl_([0-9a-z]{12})_([A-Za-z0-9_-]{43})$/;

export function parseApiKey(text: string): ApiKey | undefined {
  const [, id, secret] = API_KEY.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

export function formatApiKey({ id, secret }: ApiKey): string {
  return `${shownPart(id)}_${secret}`;
}

/** What may be shown and logged. */
export function shownPart(id: string): string {
  return `sctl_${id}`;
}
