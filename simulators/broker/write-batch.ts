import type { Socket } from 'node:net';

/**
 * What is written to a connection within one turn of the event loop leaves in one system call: the acknowledgement of a request
 * together with its answers. A system call costs more than the service does for an update.
 *
 * Sends    Two turns of the queue of immediates after the first write, since the library hands a message on by one of them.
 * Endings  Ending or destroying the connection sends what waits first.
 */
export class WriteBatch {
  #waiting: (() => void)[] = [];
  #next: (() => void)[] = [];
  #awake = false;

  /** To be called before anything is written. */
  attach(socket: Socket): void {
    const cork = socket.cork.bind(socket);
    const uncork = socket.uncork.bind(socket);
    const destroy = socket.destroy.bind(socket);
    let held = false;
    const send = () => {
      if (!held) return;
      held = false;
      uncork();
    };
    // The library corks around every packet; the first time in a turn counts twice, and the second half is taken back here.
    socket.cork = () => {
      cork();
      if (held) return;
      held = true;
      cork();
      this.#next.push(send);
      this.#wake();
    };
    socket.destroy = (error) => {
      if (held) {
        // However deep it is corked.
        while (socket.writableCorked > 0) uncork();
        held = false;
      }
      return destroy(error);
    };
  }

  #wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#awake = false;
    const ready = this.#waiting;
    this.#waiting = this.#next;
    this.#next = [];
    for (const send of ready) send();
    if (this.#waiting.length > 0) this.#wake();
  };
}
