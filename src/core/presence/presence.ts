import type { EpochMs, ThingName } from '../brand.ts';

export type PresenceState = 'online' | 'offline' | 'unknown';

/** Whether a thing is reachable, since when, and how we know. */
export interface Presence {
  readonly thingName: ThingName;
  readonly state: PresenceState;
  readonly since: EpochMs;
  readonly source: 'lifecycle' | 'will' | 'traffic' | 'none';
  /** The newest lifecycle `versionNumber` taken into account (R94). */
  readonly lifecycleVersion?: number;
  /** The service's word for a disconnect, such as `CONNECTION_LOST` (R93). */
  readonly detail?: string;
  readonly lastTrafficAt?: EpochMs;
}
