import type { JSX } from 'preact';
import { DRIFT_CAUSES } from '../../core/drift/drift.ts';
import { CAUSE_WORDS } from '../../report/words.ts';
import type { OverviewView } from '../../http/views/drift.ts';
import type { CommandView } from '../../http/views/command.ts';
import type { PageView } from '../../http/views/parts.ts';
import { get } from '../api.ts';
import { useLoad } from '../load.ts';
import { Badge, Failure } from '../parts/basics.tsx';
import { CommandList } from '../parts/command-list.tsx';
import { go } from '../router.ts';

/** The whole fleet at a glance: how many are as desired, what waits, what differs and for how long. */
export function OverviewPage(): JSX.Element {
  const overview = useLoad('overview', () => get<OverviewView>('/v1/overview'));
  const commands = useLoad('newest', () => get<PageView<CommandView>>('/v1/commands', { limit: 10 }));
  return (
    <>
      <h1 tabIndex={-1}>Fleet</h1>
      <Failure problem={overview.problem} />
      <FindThing />
      {overview.value === undefined ? null : <Counts overview={overview.value} />}
      <h2>Newest commands</h2>
      <Failure problem={commands.problem} />
      {commands.value === undefined ? null : <CommandList commands={commands.value.items} withShadow />}
    </>
  );
}

function FindThing(): JSX.Element {
  return (
    <form
      class="filters"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        const thing = new FormData(event.currentTarget).get('thing');
        if (typeof thing === 'string' && thing.trim() !== '') go(`/things/${encodeURIComponent(thing.trim())}`);
      }}
    >
      <label>
        Thing
        <input name="thing" required autocomplete="off" spellcheck={false} />
      </label>
      <button type="submit">Open</button>
    </form>
  );
}

function Counts({ overview }: { overview: OverviewView }): JSX.Element {
  const { shadows, things, drift } = overview;
  return (
    <>
      <ul class="cards">
        <Card count={shadows.inSync} sign="✓" words="shadows in sync" tone="good" />
        <Card
          count={shadows.pending}
          sign="…"
          words="shadows pending"
          tone="waiting"
          href="/commands?verdict=pending"
        />
        <Card count={shadows.drifted} sign="≠" words="shadows drifted" tone="bad" href="/drift" />
        <Card count={shadows.refused} sign="✗" words="shadows with a refusal" tone="bad" href="/drift?cause=refused" />
        <Card count={things.offline} sign="○" words="things offline" tone="muted" href="/drift?cause=offline" />
        <Card count={things.online} sign="●" words="things online" tone="good" />
      </ul>
      {drift.fields === 0 ? null : (
        <div class="columns">
          <section>
            <h2>How long it has been so</h2>
            <Bars rows={drift.ages.map(({ label, fields }) => ({ label, count: fields }))} />
          </section>
          <section>
            <h2>Why</h2>
            <ul class="plain">
              {DRIFT_CAUSES.filter((cause) => (drift.byCause[cause] ?? 0) > 0).map((cause) => (
                <li key={cause}>
                  <a href={`/drift?cause=${cause}`}>
                    <Badge words={CAUSE_WORDS[cause]} />
                  </a>{' '}
                  {drift.byCause[cause]}
                </li>
              ))}
            </ul>
          </section>
        </div>
      )}
    </>
  );
}

function Card({
  count,
  sign,
  words,
  tone,
  href,
}: {
  count: number;
  sign: string;
  words: string;
  tone: string;
  href?: string;
}): JSX.Element {
  const inside = (
    <>
      <span class="count">{count}</span>
      <span class={`badge ${tone}`}>
        <span aria-hidden="true">{sign}</span> {words}
      </span>
    </>
  );
  return <li class="card">{href === undefined ? inside : <a href={href}>{inside}</a>}</li>;
}

/** Bars are decoration; the numbers stand beside them. */
function Bars({ rows }: { rows: readonly { label: string; count: number }[] }): JSX.Element {
  const most = Math.max(1, ...rows.map(({ count }) => count));
  return (
    <table class="bars">
      <tbody>
        {rows.map(({ label, count }) => (
          <tr key={label}>
            <th scope="row">{label}</th>
            <td>
              <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                <rect width={(100 * count) / most} height="8" />
              </svg>
            </td>
            <td class="number">{count}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
