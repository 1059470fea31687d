import type { Command } from '../../core/command/command.ts';
import type { Write } from '../../core/command/write.ts';
import { fromBody, toBody } from './rows.ts';

/**
 * Commands and writes as rows. What was asked for is stored once, as the body of the first revision; what became of it
 * stands beside it and is replaced with every step.
 */
export interface CommandRow {
  readonly id: string;
  readonly body: string;
  readonly state: string | null;
}

export interface WriteRow {
  readonly id: string;
  readonly body: string;
  readonly outcome: string | null;
}

export function commandOf({ body, state }: Omit<CommandRow, 'id'>): Command {
  const first = fromBody<Command>(body);
  if (state === null) return first;
  const { id, kind, ref, author, reason, createdAt, patch, retryOf, rollbackOf, parentId, grant } = first;
  return {
    ...{ id, kind, ref, author, createdAt, patch },
    ...(reason === undefined ? {} : { reason }),
    ...(retryOf === undefined ? {} : { retryOf }),
    ...(rollbackOf === undefined ? {} : { rollbackOf }),
    ...(parentId === undefined ? {} : { parentId }),
    ...(grant === undefined ? {} : { grant }),
    ...fromBody<CommandState>(state),
  };
}

/** All that is not said to stay: a member that is new to commands is stored with every step until it is named here. */
export function stateOf(command: Command): string {
  const {
    id: _id,
    kind: _kind,
    ref: _ref,
    author: _author,
    reason: _reason,
    createdAt: _createdAt,
    patch: _patch,
    retryOf: _retryOf,
    rollbackOf: _rollbackOf,
    parentId: _parentId,
    grant: _grant,
    ...state
  } = command;
  return toBody(state satisfies CommandState);
}

type Lasting =
  'id' | 'kind' | 'ref' | 'author' | 'reason' | 'createdAt' | 'patch' | 'retryOf' | 'rollbackOf' | 'parentId' | 'grant';

type CommandState = Omit<Command, Lasting>;

export function writeOf({ body, outcome }: Omit<WriteRow, 'id'>): Write {
  const write = fromBody<Write>(body);
  return outcome === null ? write : { ...write, ...fromBody<WriteOutcome>(outcome) };
}

export function outcomeOf({ state, acceptedVersion }: Write): string {
  return toBody({ state, acceptedVersion });
}

type WriteOutcome = Pick<Write, 'state' | 'acceptedVersion'>;
