import type { AccessQuestion } from '../core/access/access.ts';
import { decide } from '../core/access/decide.ts';
import type { AnyCommand } from '../core/direct/direct-command.ts';
import { problem } from '../core/problem.ts';
import { done, fail } from '../core/result.ts';
import type { AccessControl } from '../ports/access-control.ts';
import type { PublishGate } from './cloud.ts';

/**
 * The rights behind a queued command, looked up again when it is published at last: it may have waited for days, and
 * whoever asked may have left. Commands without a grant were accepted while access control was off.
 */
export function createPublishGate(access: Pick<AccessControl, 'rulesOf'>): PublishGate {
  return (command) => {
    const { grant, ref } = command;
    if (grant === undefined) return done;
    const rules = access.rulesOf(grant);
    if (!rules.ok) return rules;
    const decision = decide(rules.value, { action: 'command', ref, ...askedOf(command) });
    if (decision.allowed) return done;
    const [first] = decision.forbidden;
    const message = 'the right to this was taken away before it was published';
    return fail(problem('forbidden', message, first === undefined ? {} : { at: first }));
  };
}

/** What a command asks for, as a question of access puts it. */
export function askedOf(command: AnyCommand): Pick<AccessQuestion, 'fields' | 'command'> {
  return command.kind === 'direct' ? { command: command.name } : { fields: command.fields.map(({ field }) => field) };
}
