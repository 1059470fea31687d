import type { JSX } from 'preact';
import { place, setQuery } from '../router.ts';

/** One page at a time: ten thousand rows never stand in the document. `next` is the server's cursor. */
export function Pager({ next }: { next: string | undefined }): JSX.Element | null {
  const { cursor } = place.value.query;
  if (next === undefined && cursor === undefined) return null;
  return (
    <nav class="buttons" aria-label="Pages">
      {cursor === undefined ? null : (
        <button type="button" onClick={() => setQuery({ cursor: undefined })}>
          First page
        </button>
      )}
      {next === undefined ? null : (
        <button type="button" onClick={() => setQuery({ cursor: next })}>
          Next page
        </button>
      )}
    </nav>
  );
}
