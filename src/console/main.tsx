import { render, type JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { keyWanted } from './api.ts';
import { connection, paused, startLive, togglePause } from './live.ts';
import { CommandPage } from './pages/command.tsx';
import { CommandsPage } from './pages/commands.tsx';
import { DriftListPage } from './pages/drift.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { RulesPage } from './pages/rules.tsx';
import { SignInPage } from './pages/sign-in.tsx';
import { ThingPage } from './pages/thing.tsx';
import { followLinks, place } from './router.ts';

const PAGES: readonly { readonly href: string; readonly title: string }[] = [
  { href: '/', title: 'Fleet' },
  { href: '/drift', title: 'Drift' },
  { href: '/commands', title: 'Commands' },
];

function App(): JSX.Element {
  const { path } = place.value;
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    const heading = main.current?.querySelector('h1');
    document.title = `${heading?.textContent ?? 'shadowctl'} · shadowctl`;
    // A new page is told to a screen reader by moving the focus to its heading; not when the browser just loaded it.
    if (!first.current) heading?.focus();
    first.current = false;
  }, [path]);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header>
        <nav aria-label="Pages">
          {PAGES.map(({ href, title }) => (
            <a key={href} href={href} aria-current={path === href ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <LiveState />
      </header>
      <main id="main" ref={main}>
        {keyWanted.value ? <SignInPage /> : pageOf(path)}
      </main>
    </>
  );
}

function pageOf(path: string): JSX.Element {
  const [, section, id] = path.split('/').map(decoded);
  if (section === '' || section === undefined) return <OverviewPage />;
  if (section === 'drift') return id === 'rules' ? <RulesPage /> : <DriftListPage />;
  if (section === 'commands') return id === undefined ? <CommandsPage /> : <CommandPage key={id} id={id} />;
  if (section === 'things' && id !== undefined) return <ThingPage key={id} thingName={id} />;
  return (
    <>
      <h1 tabIndex={-1}>No such page</h1>
      <p>
        <a href="/">The fleet</a> is a good place to start.
      </p>
    </>
  );
}

/** A hand-typed address may hold a `%` that escapes nothing. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function LiveState(): JSX.Element {
  const words = paused.value
    ? 'paused'
    : connection.value === 'live'
      ? 'live'
      : connection.value === 'away'
        ? 'reconnecting'
        : 'connecting';
  return (
    <p class="live">
      <span role="status">{words}</span>{' '}
      <button type="button" onClick={togglePause} aria-pressed={paused.value}>
        {paused.value ? 'Go on' : 'Pause updates'}
      </button>
    </p>
  );
}

const root = document.getElementById('app');
if (root !== null) {
  followLinks();
  startLive();
  render(<App />, root);
}
