import type { JSX } from 'preact';
import { useKey } from '../api.ts';

/** Shown when the server asks for a key. It stays in this tab and goes nowhere but to this server. */
export function SignInPage(): JSX.Element {
  return (
    <form
      class="sign-in"
      onSubmit={(event) => {
        event.preventDefault();
        const key = new FormData(event.currentTarget).get('key');
        if (typeof key === 'string' && key !== '') useKey(key);
      }}
    >
      <h1 tabIndex={-1}>Access key</h1>
      <p>This server wants to know who you are.</p>
      <label>
        API key or token
        <input name="key" type="password" required autocomplete="off" spellcheck={false} />
      </label>
      <p class="buttons">
        <button type="submit" class="primary">
          Go on
        </button>
      </p>
    </form>
  );
}
