import type { JSX } from 'preact';
import { causeWord, todoOf } from '../../report/drift-row.ts';
import { CAUSE_WORDS } from '../../report/words.ts';
import type { DriftView } from '../../http/views/drift.ts';
import { paths, post } from '../api.ts';
import { commandHref, thingHref } from '../router.ts';
import { Actions, type Action } from './action-dialog.tsx';
import { Ago, Badge, FieldName, TableRegion, Text, Value, Whose } from './basics.tsx';
import { addRule } from './ignore-action.tsx';

export function DriftTable({
  entries,
  withShadow,
  reload,
}: {
  entries: readonly DriftView[];
  withShadow: boolean;
  reload: () => void;
}): JSX.Element {
  if (entries.length === 0) return <p class="quiet">Nothing differs here.</p>;
  return (
    <TableRegion label="Fields that differ">
      <thead>
        <tr>
          <th scope="col">{withShadow ? 'Shadow and field' : 'Field'}</th>
          <th scope="col">Desired</th>
          <th scope="col">Reported</th>
          <th scope="col">Why</th>
          <th scope="col">Since</th>
          <th scope="col">Whose wish</th>
          <th scope="col">What you can do</th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <DriftRow key={`${entry.shadow} ${entry.field}`} entry={entry} withShadow={withShadow} reload={reload} />
        ))}
      </tbody>
    </TableRegion>
  );
}

function DriftRow({
  entry,
  withShadow,
  reload,
}: {
  entry: DriftView;
  withShadow: boolean;
  reload: () => void;
}): JSX.Element {
  const words = CAUSE_WORDS[entry.cause];
  return (
    <tr>
      <FieldName field={entry.field}>
        {withShadow ? (
          <div>
            <a href={thingHref(entry)}>
              <Text>{entry.shadow}</Text>
            </a>
          </div>
        ) : null}
      </FieldName>
      <td>
        <Value value={entry.desired} />
      </td>
      <td>
        <Value value={entry.reported} />
      </td>
      <td>
        <Badge words={words}>{causeWord(entry)}</Badge>
        <div class="quiet">
          {entry.detail === undefined ? (
            words.means
          ) : (
            <Text>{[entry.detail.code, entry.detail.message].filter(Boolean).join(': ')}</Text>
          )}
        </div>
        {entry.acknowledged === undefined ? null : (
          <div class="quiet">
            acknowledged by <Text>{entry.acknowledged.by}</Text>
          </div>
        )}
        {entry.ignoredBy === undefined ? null : (
          <div class="quiet">
            ignored: <Text>{entry.ignoredBy.reason}</Text>
          </div>
        )}
      </td>
      <td>
        <Ago at={entry.firstSeenAt} />
        {entry.flaps === 0 ? null : <div class="quiet">differed {entry.flaps + 1} times</div>}
      </td>
      <Whose {...entry} />
      <td>
        {todoOf(entry)}
        {entry.openCommandId === undefined ? null : (
          <div>
            <a href={commandHref(entry.openCommandId)}>the open command</a>
          </div>
        )}
        <Actions actions={actionsOn(entry, reload)} />
      </td>
    </tr>
  );
}

function actionsOn(entry: DriftView, reload: () => void): Action[] {
  return [
    ...(entry.acknowledged === undefined ? [acknowledge(entry, reload)] : []),
    ...(entry.ignoredBy === undefined ? [addRule({ thing: entry.thingName, field: entry.field, done: reload })] : []),
  ];
}

function acknowledge(entry: DriftView, reload: () => void): Action {
  return {
    title: 'Acknowledge',
    explains:
      'Says that somebody knows. The entry leaves the list and stays counted; it comes back if the field agrees and differs again.',
    confirm: 'Acknowledge it',
    perform: (_form, reason) =>
      post(
        `${paths.shadow(entry.thingName)}/drift/acknowledge`,
        { field: entry.field, reason },
        { query: { name: entry.shadowName } },
      ),
    done: reload,
  };
}
