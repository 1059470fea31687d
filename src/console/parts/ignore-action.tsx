import { post } from '../api.ts';
import type { Action } from './action-dialog.tsx';

const DAY_MS = 86_400_000;

/** A rule with a reason and an end; `thing` and `field` are what the form starts with. */
export function addRule({ thing, field, done }: { thing: string; field: string; done: () => void }): Action {
  return {
    title: thing === '' ? 'Add a rule' : 'Ignore',
    explains:
      'Leaves drift of these fields out of the report. It stays counted at the top of the drift page, and every rule stands in the list of rules.',
    confirm: 'Add the rule',
    reason: 'required',
    fields: (
      <>
        <label>
          Thing, or its beginning and *
          <input
            name="thing"
            value={thing}
            required
            pattern="[a-zA-Z0-9:_\-]*\*?"
            autocomplete="off"
            spellcheck={false}
          />
        </label>
        <label>
          Field, or its beginning and *
          <input name="field" value={field} required pattern="[\/*].*" autocomplete="off" spellcheck={false} />
        </label>
        <label>
          Ends after
          <select name="days">
            <option value="1">a day</option>
            <option value="7">a week</option>
            <option value="30" selected>
              30 days
            </option>
            <option value="365">a year</option>
            <option value="">never</option>
          </select>
        </label>
      </>
    ),
    perform: (form, reason) => {
      const days = String(form.get('days'));
      const expiresAt = days === '' ? undefined : new Date(Date.now() + Number(days) * DAY_MS).toISOString();
      return post('/v1/drift/rules', { thing: form.get('thing'), field: form.get('field'), reason, expiresAt });
    },
    done,
  };
}
