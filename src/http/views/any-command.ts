import type { CommandStatus, Verdict, WhenOffline } from '../../core/command/command.ts';
import type { ShadowRefView } from './parts.ts';

/** What every command has, whatever its kind. */
export interface AnyCommandView extends ShadowRefView {
  readonly id: string;
  readonly verdict: Verdict;
  readonly status: CommandStatus;
  readonly statusReason?: string;
  readonly author: string;
  readonly reason?: string;
  readonly createdAt: string;
  readonly sentAt?: string;
  readonly deliveredAt?: string;
  readonly endedAt?: string;
  readonly applyWithinMs: number;
  /** What is left of `applyWithinMs`; it runs since `applyRunsSince`, and stands still where that is absent. */
  readonly applyLeftMs: number;
  readonly applyRunsSince?: string;
  readonly expiresAt: string;
  readonly whenOffline: WhenOffline;
  readonly retryOf?: string;
  /** What the commands of one request for many things have in common. */
  readonly parentId?: string;
  readonly revision: number;
}
