import type { CommandId } from '../../src/core/brand.ts';
import { VERDICT_OF, type Command, type CommandStatus } from '../../src/core/command/command.ts';
import type { Sighting } from '../world/sighting.ts';

/** When what happened to a command, in true time, as far as anybody can tell from outside. */
export class CommandTimes {
  /** By key, when somebody asked last. */
  readonly #asked = new Map<string, number>();
  readonly #created = new Map<CommandId, { readonly atMs: number; readonly command: Command }>();
  readonly #firstLine = new Map<CommandId, number>();
  readonly #sent = new Map<CommandId, number>();
  readonly #verdicts = new Map<string, number>();

  see(atMs: number, sighting: Sighting): void {
    if (sighting.type === 'asked') this.#asked.set(sighting.request.idempotency?.key ?? '', atMs);
    if (sighting.type === 'created' && sighting.command !== undefined) {
      // A life counts from the request, which may have waited for the ledger (seed 73677); and an answer may come long
      // after the creation, to a caller that asked again.
      const { command, request } = sighting;
      const askedAt = this.#asked.get(request.idempotency?.key ?? '') ?? atMs;
      const first = Math.min(askedAt, this.#firstLine.get(command.id) ?? atMs);
      if (!this.#created.has(command.id)) this.#created.set(command.id, { atMs: first, command });
    }
    if (sighting.type !== 'event') return;
    const { commandId, status } = sighting.entry;
    if (!this.#firstLine.has(commandId)) this.#firstLine.set(commandId, atMs);
    if (status !== 'queued' && !this.#sent.has(commandId)) this.#sent.set(commandId, atMs);
    const verdict = `${commandId} ${VERDICT_OF[status]}`;
    if (VERDICT_OF[status] !== 'pending' && !this.#verdicts.has(verdict)) this.#verdicts.set(verdict, atMs);
  }

  created(id: CommandId): number | undefined {
    return this.#created.get(id)?.atMs;
  }

  sent(id: CommandId): number | undefined {
    return this.#sent.get(id);
  }

  /** When its verdict was told. */
  line({ id, status }: Command): number | undefined {
    return this.#verdicts.get(`${id} ${VERDICT_OF[status]}`);
  }

  /**
   * When the command got its verdict. While the ledger is in trouble the line comes long after it; the command says when
   * it was, by the server's clock. Undefined: nobody saw it at the time, and it cannot be dated.
   */
  verdict(command: Command): number | undefined {
    const seen = this.line(command);
    const created = this.created(command.id);
    // The late proof keeps the end that it came after.
    const datedByEnd: readonly CommandStatus[] = ['succeeded', 'timed_out', 'expired'];
    if (seen === undefined || created === undefined || !datedByEnd.includes(command.status)) return seen;
    return Math.min(seen, created + ((command.endedAt ?? Infinity) - command.createdAt));
  }
}
