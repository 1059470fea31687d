import { LEDGER_0001 } from './0001-ledger.ts';
import { PARENT_0002 } from './0002-parent.ts';
import { STATE_0003 } from './0003-state.ts';
import { DIRECT_0004 } from './0004-direct.ts';
import { DRIFT_COUNTS_0005 } from './0005-drift-counts.ts';
import { FLAPPED_0006 } from './0006-flapped.ts';
import { INTAKE_0007 } from './0007-intake.ts';
import { THING_COMMAND_0008 } from './0008-thing-command.ts';

/** One step forward. A step that was released never changes: a correction is the next step. */
export interface Migration {
  /** The schema version after it; 1, 2, 3, … */
  readonly number: number;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  { number: 1, sql: LEDGER_0001 },
  { number: 2, sql: PARENT_0002 },
  { number: 3, sql: STATE_0003 },
  { number: 4, sql: DIRECT_0004 },
  { number: 5, sql: DRIFT_COUNTS_0005 },
  { number: 6, sql: FLAPPED_0006 },
  { number: 7, sql: INTAKE_0007 },
  { number: 8, sql: THING_COMMAND_0008 },
];
