import { isOpenCommand } from '../core/command/clocks.ts';
import type { Desk } from '../core/desk/desk.ts';
import type { AnyCommand } from '../core/direct/direct-command.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Transport } from '../ports/transport.ts';
import type { Desks } from './desks.ts';
import type { DriftIndex } from './drift-index.ts';
import type { Outbox } from './outbox.ts';
import type { PresenceKeeper } from './presence-keeper.ts';
import type { Recorder } from './recorder.ts';
import type { Recovery } from './recovery.ts';

export interface MeasuredParts {
  readonly transport: Transport;
  readonly outbox: Outbox;
  readonly desks: Desks;
  readonly presence: PresenceKeeper;
  readonly recorder: Recorder;
  readonly recovery: Recovery;
  readonly drift: DriftIndex;
}

/** The numbers of the cloud side: counted as things happen, or read when somebody asks for them. */
export class CloudMeter {
  readonly #metrics: Metrics;
  #openCommands = 0;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  get openCommands(): number {
    return this.#openCommands;
  }

  opened(change: number): void {
    this.#openCommands += change;
  }

  stepped(before: Desk, after: Desk): void {
    // Not from the changes: a command that could not be stored leaves the desk without one.
    if (before.commands !== after.commands) this.#openCommands += openOn(after) - openOn(before);
    if ((before.sight.view?.incarnation ?? 1) < (after.sight.view?.incarnation ?? 1)) {
      this.#metrics.count('shadow_version_resets_total');
    }
  }

  ended(command: AnyCommand): void {
    const labels = { kind: command.kind, result: command.status };
    const ended = command.endedAt ?? command.createdAt;
    this.#metrics.count('shadow_commands_total', labels);
    this.#metrics.observe('shadow_command_duration_seconds', (ended - command.createdAt) / 1000, labels);
    if (command.status === 'succeeded' && command.sentAt !== undefined && !isNoop(command)) {
      this.#metrics.observe('shadow_converge_duration_seconds', Math.max(0, ended - command.sentAt) / 1000);
    }
  }

  async measure({ transport, outbox, desks, presence, recorder, recovery, drift }: MeasuredParts): Promise<void> {
    const metrics = this.#metrics;
    metrics.set('shadow_outbox_depth', outbox.waiting);
    metrics.set('shadow_desks', desks.size);
    metrics.set('shadow_desks_resting', desks.resting);
    metrics.set('shadow_recovering', recovery.left);
    metrics.set('shadow_link_up', transport.connected ? 1 : 0);
    metrics.set('shadow_ledger_up', recorder.trouble === undefined ? 1 : 0);
    for (const [state, count] of Object.entries(presence.counts())) metrics.set('shadow_devices', count, { state });
    for (const [status, count] of desks.pendingByStatus()) metrics.set('shadow_commands_pending', count, { status });
    await drift.measure();
  }
}

function openOn({ commands }: Desk): number {
  let open = 0;
  for (const command of commands.values()) if (isOpenCommand(command)) open += 1;
  return open;
}

/** Nothing converged: it was as desired before. */
function isNoop(command: AnyCommand): boolean {
  return command.kind === 'shadow' && command.noop === true;
}
