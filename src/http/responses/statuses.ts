import { z } from 'zod';
import { type CommandStatus, type Verdict, VERDICT_OF } from '../../core/command/command.ts';

export const status = z.enum(Object.keys(VERDICT_OF) as [CommandStatus, ...CommandStatus[]]).meta({ id: 'Status' });

export const verdict = z
  .enum([...new Set(Object.values(VERDICT_OF))] as [Verdict, ...Verdict[]])
  .meta({ id: 'Verdict' });
