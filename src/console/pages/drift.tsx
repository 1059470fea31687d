import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { DRIFT_CAUSES } from '../../core/drift/drift.ts';
import { CAUSE_WORDS } from '../../report/words.ts';
import type { DriftPageView } from '../../http/views/drift.ts';
import { get } from '../api.ts';
import { useLoad } from '../load.ts';
import { Failure } from '../parts/basics.tsx';
import { DriftTable } from '../parts/drift-table.tsx';
import { Pager } from '../parts/pager.tsx';
import { place, setQuery } from '../router.ts';

const SORTS = { oldest: 'oldest first', newest: 'newest first', thing: 'by thing', flaps: 'most flaps first' } as const;

/** All filters live in the address bar, so a view can be sent to a colleague. */
export function DriftListPage(): JSX.Element {
  const { query } = place.value;
  const shownToo = query['all'] === 'true' ? true : undefined;
  const asked = {
    thingPrefix: query['thing'],
    cause: query['cause'],
    field: query['field'],
    rule: query['rule'],
    sort: query['sort'],
    cursor: query['cursor'],
    includeIgnored: shownToo,
    includeAcknowledged: shownToo,
    limit: 50,
  };
  const page = useLoad(`drift ${JSON.stringify(asked)}`, () => get<DriftPageView>('/v1/drift', asked));
  const counts = page.value?.counts;
  return (
    <>
      <h1 tabIndex={-1}>Drift</h1>
      <p class="lead" role="status">
        {counts === undefined
          ? 'Asking…'
          : `${counts.fields} fields of ${counts.shadows} shadows differ; ${counts.ignored} ignored by rule, ${counts.acknowledged} acknowledged.`}
      </p>
      <p>
        <a href="/drift/rules">Ignore rules</a>
      </p>
      {query['rule'] === undefined ? null : (
        <p>
          Only what one ignore rule leaves out of the report. <a href="/drift">All drift</a>
        </p>
      )}
      <Filters counts={counts?.byCause ?? {}} />
      <Failure problem={page.problem} />
      {page.value === undefined ? null : <DriftTable entries={page.value.items} withShadow reload={page.reload} />}
      <Pager next={page.value?.next} />
    </>
  );
}

function Filters({ counts }: { counts: Readonly<Record<string, number>> }): JSX.Element {
  const { query } = place.value;
  const [thing, setThing] = useState(query['thing'] ?? '');
  const change = (name: string) => (event: { readonly currentTarget: HTMLSelectElement }) =>
    setQuery({ [name]: event.currentTarget.value, cursor: undefined });
  return (
    <form
      class="filters"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        setQuery({ thing: thing.trim(), cursor: undefined });
      }}
    >
      <label>
        Things that start with
        <input
          value={thing}
          onInput={(event) => setThing(event.currentTarget.value)}
          autocomplete="off"
          spellcheck={false}
        />
      </label>
      <label>
        Cause
        <select value={query['cause'] ?? ''} onChange={change('cause')}>
          <option value="">any</option>
          {DRIFT_CAUSES.map((cause) => (
            <option key={cause} value={cause}>
              {CAUSE_WORDS[cause].word} ({counts[cause] ?? 0})
            </option>
          ))}
        </select>
      </label>
      <label>
        Order
        <select value={query['sort'] ?? 'oldest'} onChange={change('sort')}>
          {Object.entries(SORTS).map(([sort, words]) => (
            <option key={sort} value={sort}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={query['all'] === 'true'}
          onChange={(event) => setQuery({ all: event.currentTarget.checked ? 'true' : undefined, cursor: undefined })}
        />
        with ignored and acknowledged
      </label>
      <button type="submit">Filter</button>
    </form>
  );
}
