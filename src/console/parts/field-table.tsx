import type { ComponentChildren, JSX } from 'preact';
import type { JsonValue } from '../../core/json/json.ts';
import { CAUSE_WORDS, OUTCOME_WORDS, type Words } from '../../report/words.ts';
import type { DriftView } from '../../http/views/drift.ts';
import type { FieldView, ShadowExplanationView, ShadowView } from '../../http/views/shadow.ts';
import { Ago, Badge, FieldName, TableRegion, Text, Value, Whose } from './basics.tsx';

/** Desired and reported side by side, and for every field that differs the one fact that stands in its way. */
export function FieldTable({
  shadow,
  explained,
  drift,
}: {
  shadow: ShadowView;
  explained: ShadowExplanationView | undefined;
  drift: readonly DriftView[];
}): JSX.Element {
  const words = new Map(explained?.fields.map((field) => [field.field, field]));
  // What an ended command left says nothing of the field as it is: a newer command may be at it.
  const drifted = new Map(drift.flatMap((entry) => (entry.differs ? [[entry.field, entry]] : [])));
  return (
    <TableRegion label="Fields of the shadow">
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">Desired</th>
          <th scope="col">Reported</th>
          <th scope="col">State</th>
          <th scope="col">Since</th>
          <th scope="col">Who asked</th>
          <th scope="col">Why not, and what to do</th>
        </tr>
      </thead>
      <tbody>
        {shadow.fields.map((field) => (
          <FieldRow
            key={field.field}
            field={field}
            words={words.get(field.field)?.words}
            drift={drifted.get(field.field)}
          />
        ))}
      </tbody>
    </TableRegion>
  );
}

function FieldRow({
  field,
  words,
  drift,
}: {
  field: FieldView;
  words: string | undefined;
  drift: DriftView | undefined;
}): JSX.Element {
  const since = drift?.firstSeenAt ?? field.pendingSince;
  // The device's own words say more than that something differs.
  const said = field.converged || field.commandId !== undefined ? undefined : drift?.detail;
  const why = said === undefined ? words : [said.code, said.message].filter(Boolean).join(': ');
  return (
    <FieldLine field={field.field} values={[field.desired, field.confirmed]} state={stateOf(field, drift)}>
      <td>{since === undefined ? null : <Ago at={since} />}</td>
      <Whose {...(field.commandId === undefined ? drift : field)} />
      <td>
        {why === undefined ? null : <Text>{why}</Text>}
        {drift === undefined || field.converged ? null : <div class="quiet">{CAUSE_WORDS[drift.cause].todo}</div>}
      </td>
    </FieldLine>
  );
}

/** The row of a field: its name, its values side by side, its state, and whatever else a table tells. */
export function FieldLine({
  field,
  values,
  state,
  children,
}: {
  field: string;
  values: readonly (JsonValue | undefined)[];
  state: Words;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <tr>
      <FieldName field={field} />
      {values.map((value, at) => (
        <td key={at}>
          <Value value={value} />
        </td>
      ))}
      <td>
        <Badge words={state} />
      </td>
      {children}
    </tr>
  );
}

const AS_DESIRED: Words = { sign: '✓', word: 'as desired', means: 'Reported equals desired.', tone: 'good' };
const NOT_DESIRED: Words = { sign: '–', word: 'no wish', means: 'Nobody desires anything here.', tone: 'muted' };
const DIFFERS: Words = { sign: '≠', word: 'differs', means: 'Reported is not what is desired.', tone: 'bad' };

function stateOf(field: FieldView, drift: DriftView | undefined): Words {
  if (field.desired === undefined) return NOT_DESIRED;
  if (field.converged) return AS_DESIRED;
  if (drift !== undefined) return CAUSE_WORDS[drift.cause];
  return field.commandId === undefined ? DIFFERS : OUTCOME_WORDS.pending;
}
