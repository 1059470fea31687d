import type { JSX } from 'preact';
import type { CommandView } from '../../http/views/command.ts';
import type { ShadowView } from '../../http/views/shadow.ts';
import type { Answer } from '../api.ts';
import { paths, post } from '../api.ts';
import { commandHref, go } from '../router.ts';
import { Actions } from './action-dialog.tsx';

/** A new wish for one field of this shadow; its command page opens and shows what comes of it. */
export function SetForm({ shadow, done }: { shadow: ShadowView; done: () => void }): JSX.Element {
  return (
    <Actions
      actions={[
        {
          title: 'Set a value',
          explains: 'Writes a command. It is done when the device shows that it did it.',
          confirm: 'Set it',
          fields: <SetFields shadow={shadow} />,
          perform: (form, reason) => setValue({ shadow, form, reason }),
          done,
        },
      ]}
    />
  );
}

function SetFields({ shadow }: { shadow: ShadowView }): JSX.Element {
  return (
    <>
      <label>
        Field, as a JSON Pointer
        <input
          name="field"
          list="fields"
          required
          pattern="/.*"
          title="starts with a slash, such as /targetC"
          autocomplete="off"
          spellcheck={false}
        />
      </label>
      <datalist id="fields">
        {shadow.fields.map(({ field }) => (
          <option key={field} value={field} />
        ))}
      </datalist>
      <label>
        Value, as JSON (plain words count as text)
        <input name="value" required autocomplete="off" spellcheck={false} />
      </label>
      <label>
        If the device is offline
        <select name="whenOffline">
          <option value="wait">wait until it returns</option>
          <option value="fail">fail at once</option>
        </select>
      </label>
    </>
  );
}

async function setValue({
  shadow,
  form,
  reason,
}: {
  shadow: ShadowView;
  form: FormData;
  reason: string | undefined;
}): Promise<Answer<CommandView>> {
  const field = String(form.get('field'));
  const body = {
    desired: nested(field, readValue(String(form.get('value')))),
    whenOffline: form.get('whenOffline'),
    reason,
  };
  const answer = await post<CommandView>(paths.commandsOf(shadow.thingName), body, {
    query: { name: shadow.shadowName },
    idempotencyKey: crypto.randomUUID(),
  });
  if (answer.ok) go(commandHref(answer.value.id));
  return answer;
}

/** `21` is a number, `true` a boolean, `"21"` and `eco` are text. */
function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The patch that sets just this field. Keys are anything, so they are defined, not assigned. */
function nested(pointer: string, value: unknown): object {
  const keys = pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.reduceRight<unknown>((inner, key) => Object.fromEntries([[key, inner]]), value) as object;
}
