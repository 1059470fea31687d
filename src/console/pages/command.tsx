import type { JSX } from 'preact';
import { OUTCOME_WORDS, STATUS_MEANS } from '../../report/words.ts';
import type { JsonValue } from '../../core/json/json.ts';
import type { CommandDetailView, ExplanationView, ShadowCommandView } from '../../http/views/command.ts';
import type { DirectCommandView } from '../../http/views/direct.ts';
import { get, paths } from '../api.ts';
import { useLoad } from '../load.ts';
import { Ago, Failure, Json, TableRegion, Text, Value, VerdictBadge } from '../parts/basics.tsx';
import { CommandActions } from '../parts/command-actions.tsx';
import { FieldLine } from '../parts/field-table.tsx';
import { commandHref, thingHref } from '../router.ts';

export function CommandPage({ id }: { id: string }): JSX.Element {
  const command = useLoad(`command ${id}`, () => get<CommandDetailView>(paths.command(id)));
  const explained = useLoad(`explain ${id}`, () => get<ExplanationView>(`${paths.command(id)}/explain`));
  const { value } = command;
  return (
    <>
      <h1 tabIndex={-1}>Command</h1>
      <Failure problem={command.problem} />
      {value === undefined ? null : (
        <>
          <p class="lead">
            <VerdictBadge verdict={value.verdict} status={value.status} /> {STATUS_MEANS[value.status]}
          </p>
          {explained.value === undefined ? null : (
            <p class="why">
              <Text>{explained.value.words}</Text>
              {explained.value.nextAttemptAt === undefined ? null : (
                <>
                  {' '}
                  Next attempt: <Ago at={explained.value.nextAttemptAt} />.
                </>
              )}
            </p>
          )}
          <CommandActions command={value} reload={command.reload} />
          <Facts command={value} />
          <h2>{value.kind === 'direct' ? 'Action' : 'Fields'}</h2>
          {value.kind === 'direct' ? <Action command={value} /> : <Fields command={value} />}
          <h2>Timeline</h2>
          <Timeline command={value} />
          <Json summary="The command as JSON" value={value} />
        </>
      )}
    </>
  );
}

function Facts({ command }: { command: CommandDetailView }): JSX.Element {
  return (
    <dl class="facts">
      <dt>Shadow</dt>
      <dd>
        <a href={thingHref(command)}>
          <Text>{command.shadow}</Text>
        </a>
      </dd>
      <dt>Asked by</dt>
      <dd>
        <Text>{command.author}</Text>, <Ago at={command.createdAt} />
        {command.reason === undefined ? null : (
          <>
            : “<Text>{command.reason}</Text>”
          </>
        )}
      </dd>
      <dt>Ends at the latest</dt>
      <dd>
        <Ago at={command.expiresAt} />
      </dd>
      {command.endedAt === undefined ? null : (
        <>
          <dt>Ended</dt>
          <dd>
            <Ago at={command.endedAt} />
          </dd>
        </>
      )}
      {command.kind === 'direct' || command.endResult === undefined ? null : (
        <>
          <dt>What became of the wish</dt>
          <dd>{command.endResult.replaceAll('_', ' ')}</dd>
        </>
      )}
      {[
        ['Retry of', command.retryOf],
        ['Rollback of', command.kind === 'shadow' ? command.rollbackOf : undefined],
      ].map(([label, id]) =>
        id === undefined ? null : (
          <>
            <dt>{label}</dt>
            <dd>
              <a href={commandHref(id)}>{id}</a>
            </dd>
          </>
        ),
      )}
    </dl>
  );
}

/** What was asked for, how far the device is, and what it said. */
function Action({ command }: { command: DirectCommandView }): JSX.Element {
  const { name, args, sequence, group, attempts, progress, problem, state, result, unguarded } = command;
  const said = { progress, problem, state, result };
  return (
    <dl class="facts">
      <dt>Action</dt>
      <dd>
        <code>
          <Text>{name}</Text>
        </code>{' '}
        <Value value={args} />
        {group === undefined ? null : (
          <>
            {' '}
            to the group <Text>{group}</Text>
          </>
        )}
        {sequence === undefined ? null : <Text>{` (${sequence.key}, number ${sequence.number})`}</Text>}
      </dd>
      <dt>Sent</dt>
      <dd>{attempts === 1 ? 'once' : `${attempts} times`}</dd>
      {unguarded === true ? (
        <>
          <dt>Unguarded</dt>
          <dd>answered on a topic that all devices share: any of them may have said it</dd>
        </>
      ) : null}
      {Object.entries(said).map(([label, value]) =>
        value === undefined ? null : (
          <>
            <dt>{label}</dt>
            <dd>
              <Value value={value as JsonValue} />
            </dd>
          </>
        ),
      )}
    </dl>
  );
}

function Fields({ command }: { command: ShadowCommandView }): JSX.Element {
  return (
    <TableRegion label="Fields of the command">
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">Desired</th>
          <th scope="col">State</th>
          <th scope="col">What is known</th>
        </tr>
      </thead>
      <tbody>
        {command.fields.map((field) => (
          <FieldLine
            key={field.field}
            field={field.field}
            values={[field.desired]}
            state={OUTCOME_WORDS[field.outcome]}
          >
            <td>
              {[field.code, field.message, field.by === undefined ? undefined : `by ${field.by}`].map((part) =>
                part === undefined ? null : (
                  <span key={part}>
                    <Text>{part}</Text>{' '}
                  </span>
                ),
              )}
              {field.retryAt === undefined ? null : (
                <>
                  tried again <Ago at={field.retryAt} />
                </>
              )}
              {field.supersededBy?.kind === 'command' ? (
                <a href={commandHref(field.supersededBy.commandId)}>the newer command</a>
              ) : null}
              {field.supersededBy !== undefined && field.supersededBy.kind !== 'command'
                ? field.supersededBy.kind
                : null}
            </td>
          </FieldLine>
        ))}
      </tbody>
    </TableRegion>
  );
}

function Timeline({ command }: { command: CommandDetailView }): JSX.Element {
  return (
    <ol class="timeline">
      {command.timeline.map((entry) => (
        <li key={entry.sequence}>
          <Ago at={entry.at} /> <strong>{entry.event.replaceAll('_', ' ')}</strong> by <Text>{entry.by}</Text>
          {entry.version === undefined ? null : <span class="quiet"> at version {entry.version}</span>}
          {entry.patch.length === 0 && entry.detail === undefined ? null : (
            <Json summary="What changed" value={{ patch: entry.patch, detail: entry.detail }} />
          )}
        </li>
      ))}
    </ol>
  );
}
