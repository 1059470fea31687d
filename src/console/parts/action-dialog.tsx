import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Answer, ApiProblem } from '../api.ts';
import { Failure } from './basics.tsx';

/** Something a person does, with the reason that goes into the timeline. */
export interface Action {
  readonly title: string;
  /** What will happen, as a sentence. */
  readonly explains: string;
  readonly confirm: string;
  /** More inputs, inside the form. */
  readonly fields?: ComponentChildren;
  /** Default: may be given, goes into the timeline. */
  readonly reason?: 'required' | 'none';
  readonly perform: (form: FormData, reason: string | undefined) => Promise<Answer<unknown>>;
  readonly done: () => void;
}

/** A modal `<dialog>`: focus goes in and comes back, Escape closes, nothing behind it can be reached. */
export function ActionDialog({ action, close }: { action: Action; close: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem>();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const reason = form.get('reason');
    setBusy(true);
    const answer = await action.perform(
      form,
      typeof reason === 'string' && reason.trim() !== '' ? reason.trim() : undefined,
    );
    setBusy(false);
    if (!answer.ok) return setProblem(answer.problem);
    dialog.current?.close();
    action.done();
  };
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="dialog-title">
      <form onSubmit={(event) => void submit(event)}>
        <h2 id="dialog-title">{action.title}</h2>
        <p>{action.explains}</p>
        {action.fields}
        {action.reason === 'none' ? null : (
          <label>
            {action.reason === 'required' ? 'Reason' : 'Reason (goes into the timeline)'}
            <input name="reason" maxLength={1024} required={action.reason === 'required'} autocomplete="off" />
          </label>
        )}
        <Failure problem={problem} />
        <p class="buttons">
          <button type="submit" class="primary" disabled={busy}>
            {action.confirm}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Close without doing it
          </button>
        </p>
      </form>
    </dialog>
  );
}

/** Buttons for what can be done here, and the dialog of the one that was pressed. */
export function Actions({ actions }: { actions: readonly Action[] }): JSX.Element | null {
  const [open, setOpen] = useState<Action>();
  if (actions.length === 0) return null;
  return (
    <div class="buttons">
      {actions.map((action) => (
        <button key={action.title} type="button" onClick={() => setOpen(action)}>
          {action.title}
        </button>
      ))}
      {open === undefined ? null : <ActionDialog action={open} close={() => setOpen(undefined)} />}
    </div>
  );
}
