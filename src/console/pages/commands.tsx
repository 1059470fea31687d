import type { JSX } from 'preact';
import { VERDICT_WORDS } from '../../report/words.ts';
import type { CommandView } from '../../http/views/command.ts';
import type { PageView } from '../../http/views/parts.ts';
import { get } from '../api.ts';
import { useLoad } from '../load.ts';
import { Failure } from '../parts/basics.tsx';
import { CommandList } from '../parts/command-list.tsx';
import { Pager } from '../parts/pager.tsx';
import { place, setQuery } from '../router.ts';

export function CommandsPage(): JSX.Element {
  const { verdict, thing, cursor } = place.value.query;
  const asked = { verdict, thing, cursor, limit: 50 };
  const page = useLoad(`commands ${JSON.stringify(asked)}`, () => get<PageView<CommandView>>('/v1/commands', asked));
  return (
    <>
      <h1 tabIndex={-1}>Commands</h1>
      <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <label>
          Verdict
          <select
            value={verdict ?? ''}
            onChange={(event) => setQuery({ verdict: event.currentTarget.value, cursor: undefined })}
          >
            <option value="">any</option>
            {Object.entries(VERDICT_WORDS).map(([value, { word }]) => (
              <option key={value} value={value}>
                {word}
              </option>
            ))}
          </select>
        </label>
      </form>
      <Failure problem={page.problem} />
      {page.value === undefined ? null : <CommandList commands={page.value.items} withShadow />}
      <Pager next={page.value?.next} />
    </>
  );
}
