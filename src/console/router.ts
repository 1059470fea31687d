import { signal } from '@preact/signals';

/** Where we are: the path and the query of the address bar, so that every page and filter can be linked to. */
export interface Place {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

export const place = signal<Place>(readPlace());

export function go(href: string): void {
  history.pushState(null, '', href);
  place.value = readPlace();
  window.scrollTo(0, 0);
}

/** Changes filters without a new entry for every keystroke. */
export function setQuery(changes: Readonly<Record<string, string | undefined>>): void {
  const merged = Object.entries({ ...place.value.query, ...changes }).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== '',
  );
  const text = new URLSearchParams(merged).toString();
  history.replaceState(null, '', text === '' ? place.value.path : `${place.value.path}?${text}`);
  place.value = readPlace();
}

export function thingHref({ thingName, shadowName }: { thingName: string; shadowName?: string }): string {
  const name = shadowName === undefined ? '' : `?name=${encodeURIComponent(shadowName)}`;
  return `/things/${encodeURIComponent(thingName)}${name}`;
}

export function commandHref(id: string): string {
  return `/commands/${encodeURIComponent(id)}`;
}

/** Links stay links: new tabs, copying and the keyboard work; a plain click does not reload the page. */
export function followLinks(): void {
  window.addEventListener('popstate', () => {
    place.value = readPlace();
  });
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || link.origin !== location.origin || link.target !== '' || link.hasAttribute('download')) return;
    if (
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey ||
      event.defaultPrevented
    )
      return;
    if (link.hash !== '' || link.pathname.startsWith('/v1/')) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}

function readPlace(): Place {
  return { path: location.pathname, query: Object.fromEntries(new URLSearchParams(location.search)) };
}
