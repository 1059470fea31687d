import type { FieldView, ShadowView } from '../../http/views/shadow.ts';
import type { Output } from './output.ts';
import { table } from './table.ts';
import { forTerminal, valueForTerminal } from './terminal.ts';
import { ago, fieldState, spoken } from './words.ts';

/** `room-heater: version 12, online since 3 m ago` */
export function shadowHeadline({ shadow, version, presence, asOf }: ShadowView): string {
  return `${forTerminal(shadow)}: version ${version} as of ${ago(asOf)}, device ${presence.state} since ${ago(presence.since)}`;
}

export function fieldTable(fields: readonly FieldView[], { color, width }: Output): string {
  return table({
    width,
    header: color.bold,
    columns: [
      { title: 'FIELD' },
      { title: 'DESIRED', flexible: true },
      { title: 'REPORTED', flexible: true },
      { title: 'STATE' },
      { title: 'WHY', flexible: true },
    ],
    rows: fields.map((field) => [
      forTerminal(field.field),
      valueForTerminal(field.desired),
      valueForTerminal(field.confirmed),
      { text: stateWord(field), paint: paintOf(field, color) },
      spoken(field.reason),
    ]),
  });
}

function stateWord(field: FieldView): string {
  return field.desired === undefined ? 'reported' : fieldState(field);
}

function paintOf(field: FieldView, color: Output['color']) {
  if (field.desired === undefined) return color.dim;
  if (field.converged) return color.green;
  return field.commandId === undefined ? color.red : color.yellow;
}
