import { amend } from '../core/amend.ts';
import { monotonicMs, type EpochMs, type ThingName } from '../core/brand.ts';
import type { Presence } from '../core/presence/presence.ts';
import {
  presenceAfter,
  presenceDueAt,
  unknownPresence,
  type PresenceEvent,
  type PresenceSettings,
  type PresenceTrack,
} from '../core/presence/track.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { SteadyTime } from './steady-time.ts';

/** Which things are there. Tells `onChange` when a state changes, not when the same is heard again. */
export class PresenceKeeper {
  readonly #tracks = new Map<ThingName, PresenceTrack>();
  readonly #timers = new Map<ThingName, Cancel>();
  readonly #counts: Record<Presence['state'], number> = { online: 0, offline: 0, unknown: 0 };
  readonly #time: SteadyTime;
  readonly #clock: Clock;
  readonly #settings: PresenceSettings;
  readonly #onChange: (presence: Presence) => void;

  constructor(
    { time, clock, settings }: { time: SteadyTime; clock: Clock; settings: PresenceSettings },
    onChange: (presence: Presence) => void,
  ) {
    this.#time = time;
    this.#clock = clock;
    this.#settings = settings;
    this.#onChange = onChange;
  }

  get(thingName: ThingName): Presence {
    return this.#track(thingName).shown;
  }

  hear(thingName: ThingName, event: PresenceEvent): void {
    const before = this.#track(thingName);
    const after = presenceAfter(before, event, { now: this.#time.now(), settings: this.#settings });
    if (after === before) return;
    this.#keep(thingName, after);
    if (event.type !== 'traffic' || after.shown.state !== before.shown.state) this.#arm(thingName, after);
    if (after.shown.state !== before.shown.state) this.#onChange(after.shown);
  }

  /** What was known before a restart. */
  remember(presence: Presence): void {
    if (!this.#tracks.has(presence.thingName)) this.#trust(presence.thingName, { shown: presence });
  }

  counts(): Record<Presence['state'], number> {
    return { ...this.#counts };
  }

  /** We hear nothing for a while: who comes or goes now tells nobody. Who was about to be missed may be back, or not. */
  deaf(): void {
    const now = this.#time.now();
    for (const [thingName, { doubt, ...rest }] of this.#tracks) {
      const { shown } = rest;
      if (doubt === undefined || shown.state !== 'online') {
        this.#trust(thingName, rest);
        continue;
      }
      const { detail: _, ...known } = shown;
      this.#trust(thingName, { ...rest, shown: { ...known, state: 'unknown', since: now, source: 'none' } });
      this.#onChange(this.get(thingName));
    }
  }

  stop(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  /** Online is believed as long as after a sign of life, then it is unknown; offline until there is one. */
  #trust(thingName: ThingName, track: PresenceTrack): void {
    const { shown } = track;
    const trusted: PresenceTrack =
      shown.state === 'online'
        ? amend(track, { shown: amend(shown, { source: 'traffic', lastTrafficAt: this.#time.now() }) })
        : track;
    this.#keep(thingName, trusted);
    this.#arm(thingName, trusted);
  }

  #keep(thingName: ThingName, track: PresenceTrack): void {
    const before = this.#tracks.get(thingName);
    if (before !== undefined) this.#counts[before.shown.state] -= 1;
    this.#counts[track.shown.state] += 1;
    this.#tracks.set(thingName, track);
  }

  #track(thingName: ThingName): PresenceTrack {
    return this.#tracks.get(thingName) ?? unknownPresence(thingName, this.#time.now());
  }

  #arm(thingName: ThingName, track: PresenceTrack): void {
    this.#timers.get(thingName)?.();
    this.#timers.delete(thingName);
    const at: EpochMs | undefined = presenceDueAt(track, this.#settings);
    if (at === undefined) return;
    const cancel = this.#clock.at(monotonicMs(this.#time.due(at)), () => {
      this.#timers.delete(thingName);
      this.hear(thingName, { type: 'tick' });
      // Traffic in between moved the end of its time without arming anew.
      const now = this.#tracks.get(thingName);
      if (now !== undefined && !this.#timers.has(thingName)) this.#arm(thingName, now);
    });
    this.#timers.set(thingName, cancel);
  }
}
