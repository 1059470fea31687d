import { amend } from '../amend.ts';
import { epochMs, type EpochMs, type ThingName } from '../brand.ts';
import type { Presence } from './presence.ts';

/** What is known of a thing's connection, with a disconnect that is not believed yet. */
export interface PresenceTrack {
  readonly shown: Presence;
  readonly last?: 'connected' | 'disconnected';
  readonly doubt?: { readonly settleAt: EpochMs; readonly detail: string };
}

export interface PresenceSettings {
  /** How long a disconnect must stand before it is believed (R95). */
  readonly settleMs: number;
  /** Twice the interval at which a device reports without being asked. */
  readonly trafficMs: number;
}

export const PRESENCE_SETTINGS: PresenceSettings = { settleMs: 5_000, trafficMs: 600_000 };

export type PresenceEvent =
  | { readonly type: 'connected'; readonly version: number }
  | { readonly type: 'disconnected'; readonly version: number; readonly reason: string }
  /** A last will, or a goodbye, on an ordinary topic. */
  | { readonly type: 'will'; readonly online: boolean }
  /** The device reported something. */
  | { readonly type: 'traffic' }
  | { readonly type: 'tick' };

/** The service starts counting anew after a client was away this long (R94). */
const VERSION_KEPT_MS = 3_600_000;

export function unknownPresence(thingName: ThingName, now: EpochMs): PresenceTrack {
  return { shown: { thingName, state: 'unknown', since: now, source: 'none' } };
}

/**
 * Presence from what was heard. Lifecycle events come doubled and out of order: a connect and the disconnect that ends it
 * share a number; lower ones are old stories. Nothing is decided on one disconnect: it must stand for the settle time
 * without a sign of life.
 */
export function presenceAfter(
  track: PresenceTrack,
  event: PresenceEvent,
  { now, settings }: { now: EpochMs; settings: PresenceSettings },
): PresenceTrack {
  switch (event.type) {
    case 'connected':
      return isStale(track, event, now) ? track : online(track, { now, version: event.version, source: 'lifecycle' });
    case 'disconnected':
      return isStale(track, event, now) ? track : doubted(track, event, epochMs(now + settings.settleMs));
    case 'will':
      return event.online
        ? online(track, { now, source: 'will' })
        : amend(track, { doubt: { settleAt: epochMs(now + settings.settleMs), detail: 'will' } });
    case 'traffic':
      return heard(track, { now, settings });
    case 'tick':
      return elapsed(track, { now, settings });
  }
}

/** When the track must be looked at again; undefined: only a message can change it. */
export function presenceDueAt(track: PresenceTrack, settings: PresenceSettings): EpochMs | undefined {
  if (track.doubt !== undefined) return track.doubt.settleAt;
  const { state, source, lastTrafficAt } = track.shown;
  return state === 'online' && source === 'traffic' && lastTrafficAt !== undefined
    ? epochMs(lastTrafficAt + settings.trafficMs)
    : undefined;
}

function isStale({ shown, last }: PresenceTrack, event: { type: string; version: number }, now: EpochMs): boolean {
  const known = shown.lifecycleVersion;
  if (known === undefined || event.version > known) return false;
  if (event.version === known) return event.type === 'connected' && last === 'disconnected';
  return !(shown.state !== 'online' && now - shown.since >= VERSION_KEPT_MS);
}

function online(
  track: PresenceTrack,
  { now, version, source }: { now: EpochMs; version?: number; source: Presence['source'] },
): PresenceTrack {
  const { doubt: _, ...rest } = track;
  const { detail: __, ...shown } = track.shown;
  const since = shown.state === 'online' ? shown.since : now;
  const isTold = version !== undefined;
  const seen = { state: 'online', since, source, ...(isTold ? { lifecycleVersion: version } : {}) } as const;
  return amend<PresenceTrack>(rest, {
    ...(isTold ? { last: 'connected' } : {}),
    shown: amend<Presence>(shown, seen),
  });
}

function doubted(
  track: PresenceTrack,
  { version, reason }: { version: number; reason: string },
  settleAt: EpochMs,
): PresenceTrack {
  return amend(track, {
    last: 'disconnected',
    shown: amend(track.shown, { lifecycleVersion: version }),
    doubt: track.doubt ?? { settleAt, detail: reason },
  });
}

/** A message that was on its way when the device went proves nothing; one that comes later does. */
function heard(track: PresenceTrack, { now, settings }: { now: EpochMs; settings: PresenceSettings }): PresenceTrack {
  const { shown } = track;
  const seen = amend(track, { shown: amend(shown, { lastTrafficAt: now }) });
  if (shown.state === 'online') return seen;
  if (shown.state === 'offline' && now - shown.since < settings.settleMs) return seen;
  return online(seen, { now, source: 'traffic' });
}

function elapsed(track: PresenceTrack, { now, settings }: { now: EpochMs; settings: PresenceSettings }): PresenceTrack {
  const { doubt, shown } = track;
  if (doubt !== undefined && now >= doubt.settleAt) {
    const { doubt: _, ...rest } = track;
    if (shown.state === 'offline') return rest;
    const source = doubt.detail === 'will' ? 'will' : 'lifecycle';
    return amend(rest, { shown: amend(shown, { state: 'offline', since: now, source, detail: doubt.detail }) });
  }
  const due = presenceDueAt(track, settings);
  if (doubt === undefined && due !== undefined && now >= due) {
    return amend(track, { shown: amend(shown, { state: 'unknown', since: now, source: 'none' }) });
  }
  return track;
}
