import { amend } from '../amend.ts';
import { unreachable } from '../assert.ts';
import type { EpochMs } from '../brand.ts';
import { isOpenCommand, isOpenField, stopped } from './clocks.ts';
import type { Command, CommandField, FieldOutcome } from './command.ts';
import type { CommandEvent, Findings } from './events.ts';
import { end, live, told, withReason, type Remark } from './life.ts';

/** The same object as before where nothing changed. */
export interface Step {
  readonly command: Command;
  readonly remark?: Remark;
}

/**
 * The next command: the life cycle of DESIGN.md section 3, and nothing else. Pure; the caller raises the revision,
 * stores both and performs what follows from them.
 *
 * A final status never changes, with one exception: evidence after `timed_out` or `expired` makes `succeeded_late`, once.
 */
export function transition(command: Command, event: CommandEvent, now: EpochMs): Step {
  return isOpenCommand(command) ? whileOpen(command, event, now) : afterEnd(command, event, now);
}

function whileOpen(command: Command, event: CommandEvent, now: EpochMs): Step {
  switch (event.type) {
    case 'carried':
      if (command.writeId === event.writeId) return { command };
      return { command: amend(command, { writeId: event.writeId }) };
    case 'accepted':
      return accepted(command, event, now);
    case 'rejected':
      if (command.status !== 'queued') return { command };
      return {
        command: end(command, 'failed', now, event.code),
        remark: { event: 'rejected', by: event.by, detail: { code: event.code, message: event.message } },
      };
    case 'judged':
      return command.status === 'queued' ? { command } : judged(command, event.findings, now);
    case 'overwritten':
      return command.status === 'queued' ? overwritten(command, event.fields, now) : { command };
    case 'deadline':
      return deadline(command, event.reason, now);
    case 'cancel':
      return { command: end(command, 'cancelled', now), remark: told('cancelled', event) };
    case 'clock':
    case 'jumped':
    case 'remark':
    case 'unreachable':
    case 'extend':
    case 'retried':
      return live(command, event, now);
    case 'ending':
      return { command };
    default:
      return unreachable(event);
  }
}

/** After the end only three things may be added: where the write landed, what became of desired, and late proof. */
function afterEnd(command: Command, event: CommandEvent, now: EpochMs): Step {
  switch (event.type) {
    case 'accepted':
      if (command.version !== undefined) return { command };
      return {
        command: amend(command, landing(command, event, now)),
        remark: { event: 'accepted_after_end', by: 'service', version: event.version },
      };
    case 'judged':
      return late(command, event.findings, now);
    case 'ending':
      if (command.endResult === event.result) return { command };
      return {
        command: amend(command, { endResult: event.result }),
        remark: {
          event: `desired_${event.result}`,
          by: 'watcher',
          ...(event.detail === undefined ? {} : { detail: event.detail }),
        },
      };
    case 'carried':
    case 'rejected':
    case 'overwritten':
    case 'clock':
    case 'jumped':
    case 'remark':
    case 'deadline':
    case 'unreachable':
    case 'cancel':
    case 'extend':
    case 'retried':
      return { command };
    default:
      return unreachable(event);
  }
}

function accepted(command: Command, event: Extract<CommandEvent, { type: 'accepted' }>, now: EpochMs): Step {
  if (command.version !== undefined) return { command };
  const sent = amend(withReason(command, undefined), { status: 'sent', ...landing(command, event, now) });
  const step = settled(sent, now);
  const name = isOpenCommand(step) ? 'accepted' : step.status;
  return { command: step, remark: { event: name, by: 'service', version: event.version } };
}

/** What a command learns from where it came to lie. */
function landing(command: Command, event: Extract<CommandEvent, { type: 'accepted' }>, now: EpochMs) {
  return {
    version: event.version,
    versionFrom: event.from,
    incarnation: event.incarnation,
    stamp: event.stamp,
    sentAt: now,
    fields: withFacts(command, event),
  };
}

/** A null leaf asks nothing of the device: that the service removed it is all there is to show. */
function withFacts(command: Command, event: Extract<CommandEvent, { type: 'accepted' }>): readonly CommandField[] {
  return command.fields.map((field) => {
    const facts = event.facts.find((candidate) => candidate.field === field.field);
    const known: CommandField = amend(field, {
      ...(facts?.restoreTo === undefined ? {} : { restoreTo: facts.restoreTo }),
      ...(facts?.alreadyEqual === true ? { alreadyEqual: true } : {}),
    });
    if (!isOpenField(field)) return known;
    if (field.desired === null) return { ...known, state: { outcome: 'confirmed', reason: 'removed' } };
    return facts?.settled === true ? { ...known, state: { outcome: 'confirmed' } } : known;
  });
}

function judged(command: Command, findings: Findings, now: EpochMs): Step {
  const known = withoutEqual(command, findings);
  const fields = withFindings(known.fields, findings);
  const arrived = findings.delivered && command.status === 'sent';
  if (fields === known.fields && !arrived) return { command: known };
  const seen = amend(command, arrived ? { fields, status: 'delivered', deliveredAt: now } : { fields });
  const next = settled(seen, now);
  return {
    command: next,
    remark: {
      event: isOpenCommand(next) ? (arrived ? 'delivered' : 'outcome') : next.status,
      by: 'device',
      version: findings.version,
    },
  };
}

/** What was equal and moved since: its end will not be that nothing had to change. */
function withoutEqual(command: Command, { moved }: Findings): Command {
  if (moved === undefined) return command;
  const fields = command.fields.map((field) => {
    if (!moved.includes(field.field)) return field;
    const { alreadyEqual: _, ...rest } = field;
    return rest;
  });
  return { ...command, fields };
}

function withFindings(fields: readonly CommandField[], findings: Findings): readonly CommandField[] {
  if (findings.fields.length === 0) return fields;
  const found = new Map(findings.fields.map(({ field, state }) => [field, state]));
  let changed = false;
  const next = fields.map((field) => {
    const state = found.get(field.field);
    if (state === undefined || !isOpenField(field)) return field;
    changed = true;
    return { ...field, state };
  });
  return changed ? next : fields;
}

function overwritten(
  command: Command,
  fields: Extract<CommandEvent, { type: 'overwritten' }>['fields'],
  now: EpochMs,
): Step {
  const findings = fields.map(({ field, by }) => ({ field, state: { outcome: 'superseded', by } as FieldOutcome }));
  const next = withFindings(command.fields, { version: 0, delivered: false, fields: findings });
  if (next === command.fields) return { command };
  return { command: settled({ ...command, fields: next }, now), remark: { event: 'overwritten', by: 'desk' } };
}

/** Once no field is open the fields decide the end. */
function settled(command: Command, now: EpochMs): Command {
  if (command.fields.some(isOpenField)) return command;
  if (command.fields.some(({ state }) => state.outcome === 'refused')) return end(command, 'failed', now, 'refused');
  if (command.fields.some(({ state }) => state.outcome === 'superseded')) return end(command, 'superseded', now);
  const noop = command.fields.every(({ alreadyEqual }) => alreadyEqual === true);
  return end(noop ? amend(command, { noop: true }) : command, 'succeeded', now);
}

function deadline(command: Command, reason: string, now: EpochMs): Step {
  const expired = now >= command.policy.expiresAt;
  const spent = stopped(command.clock, now).leftMs <= 0;
  if (!expired && !spent) return { command };
  // Past `expiresAt` without a sign of the device it is `expired`; every other end by the clock leaves the outcome open.
  const status = expired && command.status !== 'delivered' && !spent ? 'expired' : 'timed_out';
  return { command: end(command, status, now, reason), remark: { event: status, by: 'watcher' } };
}

/** Proof that came after `timed_out` or `expired`: every field confirmed, nothing taken back. */
function late(command: Command, findings: Findings, now: EpochMs): Step {
  if (command.status !== 'timed_out' && command.status !== 'expired') return { command };
  const fields = withFindings(command.fields, findings);
  if (fields === command.fields) return { command };
  if (!fields.every(({ state }) => state.outcome === 'confirmed')) return { command };
  return {
    command: amend(withReason(command, undefined), { fields, status: 'succeeded_late' }),
    remark: { event: 'succeeded_late', by: 'device', version: findings.version, detail: { at: now } },
  };
}
