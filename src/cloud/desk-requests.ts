import type { CommandId } from '../core/brand.ts';
import { isOpenCommand } from '../core/command/clocks.ts';
import { tokenOf } from '../core/command/write.ts';
import type { Desk, DeskEffect, DeskEvent } from '../core/desk/desk.ts';
import type { JsonObject } from '../core/json/json.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import { shadowTopic } from '../protocol/topics.ts';
import type { DeskEntry } from './desk-entry.ts';
import type { Outbox } from './outbox.ts';

export interface DeskRequestsOptions {
  readonly outbox: Outbox;
  /** Tells this process from others that ask the same shadows, and from itself before its last start. */
  readonly instance: string;
  readonly send: (ref: ShadowRef, event: DeskEvent) => void;
}

/** What a desk asks of the shadow service, as messages; what became of each goes back to the desk as an event. */
export class DeskRequests {
  readonly #options: DeskRequestsOptions;
  readonly #prefix: string;

  constructor(options: DeskRequestsOptions) {
    this.#options = options;
    this.#prefix = `srg-${options.instance}-`;
  }

  /** The number of the `get` a token of ours names, in this process. */
  serialOf(token: string | undefined): number | undefined {
    if (token?.startsWith(this.#prefix) !== true) return undefined;
    const serial = Number(token.slice(this.#prefix.length));
    return Number.isSafeInteger(serial) ? serial : undefined;
  }

  publish(entry: DeskEntry, write: Extract<DeskEffect, { type: 'publish' }>['write']): void {
    const { outbox, send } = this.#options;
    const { id: writeId } = write;
    const token = tokenOf(writeId);
    const state = write.purpose === 'nudge' ? {} : { desired: write.patch };
    // JSON leaves a version out that is undefined.
    const body = { state, version: write.ifVersion, clientToken: token };
    outbox.send({
      token,
      priority: 'write',
      message: { topic: shadowTopic(entry.ref, 'update'), payload: JSON.stringify(body), qos: 1 },
      // What was cancelled or ran out while it waited behind a cap must not be wished for after all.
      isWanted: () => write.purpose !== 'commands' || write.commandIds.every((id) => isOpenOn(entry.desk, id)),
      onUnwanted: () => send(entry.ref, { type: 'unpublished', writeId, sent: 'no', code: 'not_wanted' }),
      onSent: () => send(entry.ref, { type: 'published', writeId }),
      onFailed: ({ code }) => {
        const sent = code === 'transport_offline' ? 'no' : 'unknown';
        send(entry.ref, { type: 'unpublished', writeId, sent, code });
      },
    });
  }

  get(entry: DeskEntry, { serial, patient }: Extract<DeskEffect, { type: 'get' }>): void {
    const { outbox, send } = this.#options;
    const token = `${this.#prefix}${serial}`;
    const payload = JSON.stringify({ clientToken: token } satisfies JsonObject);
    outbox.send({
      token: `${entry.key} ${token}`,
      priority: patient ? 'resync' : 'read',
      message: { topic: shadowTopic(entry.ref, 'get'), payload, qos: 0 },
      // A younger question went past it while it waited: that answer will do for both.
      isWanted: () => entry.desk?.asking.pending?.serial === serial,
      onSent: () => send(entry.ref, { type: 'asked', serial }),
      onFailed: ({ code }) => send(entry.ref, { type: 'unread', serial, code }),
    });
  }
}

function isOpenOn(desk: Desk | undefined, id: CommandId): boolean {
  const command = desk?.commands.get(id);
  return command !== undefined && isOpenCommand(command);
}
