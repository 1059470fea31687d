import type { ComponentChildren, JSX } from 'preact';
import type { CommandStatus, Verdict } from '../../core/command/command.ts';
import { duration } from '../../report/duration.ts';
import { visible } from '../../report/escape-html.ts';
import { STATUS_MEANS, VERDICT_WORDS, type Words } from '../../report/words.ts';
import type { ApiProblem } from '../api.ts';
import { now } from '../live.ts';
import { commandHref } from '../router.ts';

/** A state as sign and word; the tone only underlines it. */
export function Badge({ words, children }: { words: Words; children?: ComponentChildren }): JSX.Element {
  return (
    <span class={`badge ${words.tone}`} title={words.means}>
      <span aria-hidden="true">{words.sign}</span> {children ?? words.word}
    </span>
  );
}

/** Verdict first; the exact status beside it where it says more. */
export function VerdictBadge({ verdict, status }: { verdict: Verdict; status: CommandStatus }): JSX.Element {
  const words = VERDICT_WORDS[verdict];
  const exact = status.replaceAll('_', ' ');
  return (
    <Badge words={{ ...words, means: STATUS_MEANS[status] }}>
      {words.word === exact ? exact : `${words.word}: ${exact}`}
    </Badge>
  );
}

const PRESENCE: Readonly<Record<string, Words>> = {
  online: { sign: '●', word: 'online', means: 'The device is connected.', tone: 'good' },
  offline: { sign: '○', word: 'offline', means: 'The device is not connected.', tone: 'muted' },
  unknown: { sign: '?', word: 'presence unknown', means: 'Nothing was heard that would tell.', tone: 'muted' },
};

export function PresenceBadge({ state, since }: { state: string; since?: string }): JSX.Element {
  const words = PRESENCE[state] ?? PRESENCE['unknown'];
  return (
    <>
      {words === undefined ? null : <Badge words={words} />}
      {since === undefined || state === 'unknown' ? null : (
        <span class="quiet">
          {' '}
          for{' '}
          <time dateTime={since} title={new Date(since).toLocaleString(undefined, { timeZoneName: 'short' })}>
            {lasting(since)}
          </time>
        </span>
      )}
    </>
  );
}

function lasting(since: string): string {
  const words = duration(now.value - Date.parse(since));
  return words === 'now' ? 'a moment' : words;
}

/** Relative for people, absolute on hover and for programs. */
export function Ago({ at }: { at: string }): JSX.Element {
  const length = now.value - Date.parse(at);
  const words = length >= 0 ? duration(length) : `in ${duration(-length)}`;
  return (
    <time dateTime={at} title={new Date(at).toLocaleString(undefined, { timeZoneName: 'short' })}>
      {words === 'now' ? 'just now' : length >= 0 ? `${words} ago` : words}
    </time>
  );
}

/** A value from anywhere, as JSON, never as markup. */
export function Value({ value }: { value: unknown }): JSX.Element {
  return value === undefined ? (
    <em class="quiet">nothing</em>
  ) : (
    <code class="value">{visible(JSON.stringify(value))}</code>
  );
}

export function Text({ children }: { children: string }): JSX.Element {
  return <>{visible(children)}</>;
}

/** The first cell of a row about a field. */
export function FieldName({ field, children }: { field: string; children?: ComponentChildren }): JSX.Element {
  return (
    <th scope="row">
      {children}
      <code>
        <Text>{field}</Text>
      </code>
    </th>
  );
}

/** Whose wish it is, and the command behind it. */
export function Whose({ author, commandId }: { author?: string; commandId?: string }): JSX.Element {
  return (
    <td>
      {author === undefined ? null : <Text>{author}</Text>}
      {commandId === undefined ? null : (
        <div>
          <a href={commandHref(commandId)}>its command</a>
        </div>
      )}
    </td>
  );
}

export function Failure({ problem }: { problem: ApiProblem | undefined }): JSX.Element | null {
  if (problem === undefined) return null;
  return (
    <p class="failure" role="alert">
      <strong>{problem.code.replaceAll('_', ' ')}</strong>: {visible(problem.detail)}
    </p>
  );
}

/** Wide tables scroll inside, not the page; the region can be reached by keyboard. */
export function TableRegion({ label, children }: { label: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class="scroll" role="region" aria-label={label} tabIndex={0}>
      <table>{children}</table>
    </div>
  );
}

export function Json({ summary, value }: { summary: string; value: unknown }): JSX.Element {
  return (
    <details>
      <summary>{summary}</summary>
      <pre>{JSON.stringify(value, undefined, 2).split('\n').map(visible).join('\n')}</pre>
    </details>
  );
}
