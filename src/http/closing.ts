import type { Cancel } from '../ports/clock.ts';

/**
 * The stop of the server, for those who wait or stream: told once. An AbortSignal would do, but it looks through all of
 * its listeners whenever one comes or goes, and every waiting request is one.
 */
export class Closing {
  readonly #leaving = new Set<() => void>();
  #closed = false;

  /** After the stop it is told at once. */
  onClose(leave: () => void): Cancel {
    if (this.#closed) leave();
    else this.#leaving.add(leave);
    return () => this.#leaving.delete(leave);
  }

  close(): void {
    this.#closed = true;
    for (const leave of this.#leaving) leave();
    this.#leaving.clear();
  }
}
