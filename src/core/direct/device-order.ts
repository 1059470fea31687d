import type { MonotonicMs } from '../brand.ts';
import type { CommandFacts, DirectLimits, DirectState, Job } from './device-state.ts';
import { DIRECT_PROBLEMS, type DirectProblem } from './messages.ts';

/** What is to become of a command that has not begun. `gap`: a predecessor is missing, and not merely at work. */
export type Turn =
  | { readonly turn: 'now' }
  | { readonly turn: 'wait'; readonly gap: boolean }
  | { readonly turn: 'never'; readonly outcome: 'failed' | 'rejected'; readonly problem: DirectProblem };

/**
 * Whether a held command may begin.
 *
 * Late      Nothing begins after `expiresAt`, and nothing before service time is known: a device clock may be unset.
 * Order     Per key the number after the last one done, one at a time. A command waits for predecessors that are here as long
 *           as they take, for one that is missing until `gapUntil`.
 * Room      At most `runningMax` at work.
 */
export function turnOf(
  job: Job,
  state: DirectState,
  { now, limits }: { now: MonotonicMs; limits: DirectLimits },
): Turn {
  const { request, again } = job;
  const { service } = state;
  if (service === undefined) return { turn: 'wait', gap: false };
  if (service.at + now - service.since > request.expiresAt) {
    // It had begun in time, but how far it came nobody knows.
    return again === true
      ? never('failed', DIRECT_PROBLEMS.interrupted, 'the device went down while it was working on it')
      : never('rejected', DIRECT_PROBLEMS.expired, 'it arrived, or its turn came, after expiresAt');
  }
  const order = orderOf(job, state, now);
  if (order !== undefined) return order;
  const running = [...state.jobs.values()].filter(({ phase }) => phase === 'running').length;
  return running < limits.runningMax ? { turn: 'now' } : { turn: 'wait', gap: false };
}

function orderOf({ request, gapUntil }: Job, { jobs, sequences }: DirectState, now: MonotonicMs): Turn | undefined {
  const { sequence, id } = request;
  if (sequence === undefined) return undefined;
  const { key, number } = sequence;
  const done = sequences.get(key) ?? 0;
  if (number <= done) return never('rejected', DIRECT_PROBLEMS.out_of_order, `number ${done} is done already`);
  const others = [...jobs.values()].filter(({ request: other }) => other.sequence?.key === key && other.id !== id);
  if (number === done + 1) {
    return others.some(({ phase }) => phase === 'running') ? { turn: 'wait', gap: false } : undefined;
  }
  const here = new Set(others.map(({ request: other }) => other.sequence?.number));
  let missing = done + 1;
  while (missing < number && here.has(missing)) missing += 1;
  if (missing === number) return { turn: 'wait', gap: false };
  if (gapUntil === undefined || now < gapUntil) return { turn: 'wait', gap: true };
  return never(
    'rejected',
    DIRECT_PROBLEMS.out_of_order,
    `number ${missing} has not come; the last one done is ${done}`,
  );
}

/** Why a request is refused whatever the time and the order. */
export function unfitness(
  { request }: Pick<Job, 'request'>,
  command: CommandFacts | undefined,
): DirectProblem | undefined {
  if (command === undefined) {
    return { code: DIRECT_PROBLEMS.unknown_command, message: `the device has no command ${request.name}` };
  }
  const violation = command.violation(request.args);
  return violation === undefined ? undefined : { code: DIRECT_PROBLEMS.invalid_args, message: violation };
}

function never(outcome: 'failed' | 'rejected', code: string, message: string): Turn {
  return { turn: 'never', outcome, problem: { code, message } };
}
