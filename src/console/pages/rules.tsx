import type { JSX } from 'preact';
import type { DriftPageView, IgnoreRuleView } from '../../http/views/drift.ts';
import type { PageView } from '../../http/views/parts.ts';
import { get, remove } from '../api.ts';
import { useLoad } from '../load.ts';
import { Actions, type Action } from '../parts/action-dialog.tsx';
import { Ago, Failure, FieldName, TableRegion, Text } from '../parts/basics.tsx';
import { addRule } from '../parts/ignore-action.tsx';

/** What is left out of the drift report, why, by whom and until when; never silently: the number stands above. */
export function RulesPage(): JSX.Element {
  const rules = useLoad('rules', () => get<PageView<IgnoreRuleView>>('/v1/drift/rules'));
  const drift = useLoad('ignored', () => get<DriftPageView>('/v1/drift', { limit: 1 }));
  const ignored = drift.value?.counts?.ignored;
  const reload = (): void => {
    rules.reload();
    drift.reload();
  };
  return (
    <>
      <h1 tabIndex={-1}>Ignore rules</h1>
      <p class="lead" role="status">
        {rules.value === undefined || ignored === undefined ? 'Asking…' : summary(rules.value.items, ignored)}
      </p>
      <p>
        <a href="/drift?all=true">All drift, with what is ignored</a>
      </p>
      <Failure problem={rules.problem ?? drift.problem} />
      <Actions actions={[addRule({ thing: '', field: '', done: reload })]} />
      {rules.value === undefined || rules.value.items.length === 0 ? null : (
        <TableRegion label="Ignore rules">
          <thead>
            <tr>
              <th scope="col">Field</th>
              <th scope="col">Things</th>
              <th scope="col">Shadow</th>
              <th scope="col">Leaves out</th>
              <th scope="col">Why</th>
              <th scope="col">By</th>
              <th scope="col">Ends</th>
              <th scope="col">What you can do</th>
            </tr>
          </thead>
          <tbody>
            {rules.value.items.map((rule) => (
              <RuleRow key={rule.id} rule={rule} reload={reload} />
            ))}
          </tbody>
        </TableRegion>
      )}
    </>
  );
}

/** What is ignored and under no rule, models leave out by themselves. */
function summary(rules: readonly IgnoreRuleView[], ignored: number): string {
  const byRules = rules.reduce((sum, { hides }) => sum + hides, 0);
  const byModels = ignored > byRules ? ` Models leave out: ${ignored - byRules}.` : '';
  return `Rules: ${rules.length}. Differing fields they leave out of the report: ${byRules}.${byModels}`;
}

function RuleRow({ rule, reload }: { rule: IgnoreRuleView; reload: () => void }): JSX.Element {
  return (
    <tr>
      <FieldName field={rule.field} />
      <td>
        <Text>{rule.thing}</Text>
      </td>
      <td>{rule.shadowName === undefined ? 'any' : <Text>{rule.shadowName}</Text>}</td>
      <td>
        {rule.hides === 0 ? (
          'nothing now'
        ) : (
          <a href={`/drift?rule=${encodeURIComponent(rule.id)}`}>
            {rule.hides === 1 ? '1 field' : `${rule.hides} fields`}
          </a>
        )}
      </td>
      <td>
        <Text>{rule.reason}</Text>
      </td>
      <td>
        <Text>{rule.by}</Text>, <Ago at={rule.createdAt} />
      </td>
      <td>{rule.expiresAt === undefined ? 'never' : <Ago at={rule.expiresAt} />}</td>
      <td>
        <Actions actions={[removal(rule, reload)]} />
      </td>
    </tr>
  );
}

function removal({ id }: IgnoreRuleView, done: () => void): Action {
  return {
    title: 'Remove',
    explains: 'Ends the rule. What it left out is in the drift report again.',
    confirm: 'Remove the rule',
    reason: 'none',
    perform: () => remove(`/v1/drift/rules/${encodeURIComponent(id)}`),
    done,
  };
}
