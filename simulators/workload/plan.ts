import type { FieldPointer, ThingName } from '../../src/core/brand.ts';
import type { OnEnd, WhenOffline } from '../../src/core/command/command.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/json.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { Action, Errand } from '../hardware/actuator.ts';
import type { Ailment } from '../hardware/hardware.ts';
import type { DirectFailpoint, Failpoint } from '../machine/failpoints.ts';
import type { Direction } from '../weather/passage.ts';
import type { Weather } from '../weather/weather.ts';

/** Everything a run is made of, drawn from the seed beforehand: a shorter list of steps is a smaller failure. */
export interface Plan {
  readonly seed: number;
  readonly things: readonly ThingPlan[];
  readonly weather: Weather;
  /** How long the faults last. */
  readonly faultsMs: number;
  readonly store: 'memory' | 'sqlite';
  /** Share of ledger calls that fail. */
  readonly ledgerUnavailable: number;
  /** How long the service remembers a deleted shadow's version. */
  readonly tombstoneSeconds: number;
  readonly serverClock: MachineClock;
  readonly steps: readonly PlannedStep[];
  /** The devices offer actions, and direct commands are among the steps. */
  readonly direct?: true;
}

export interface MachineClock {
  readonly offsetMs: number;
  readonly rate: number;
}

export interface ThingPlan {
  readonly thingName: ThingName;
  /** `plain`: reports its state and knows nothing of us. `member`: our reconciler. */
  readonly kind: 'member' | 'plain';
  /** Also has the named shadow `settings`. */
  readonly settings: boolean;
  readonly clock: MachineClock;
  /** How often the reconciler reads the hardware unasked. */
  readonly pollMs: number;
}

export type PlannedStep = Step & { readonly atMs: number };

export type DirectAct = 'cancel' | 'retry' | 'extend';

export type Step =
  | {
      readonly do: 'command';
      /** The n-th command of the plan; operators refer to it. */
      readonly nth: number;
      readonly app: string;
      readonly ref: ShadowRef;
      readonly patch: JsonObject;
      readonly applyWithinMs: number;
      readonly expiresInMs: number;
      readonly whenOffline: WhenOffline;
      readonly onEnd: OnEnd;
      /** Conditional on the version that the app sees when it asks. */
      readonly locked: boolean;
      /** The same request again, at the same time or with another body. */
      readonly again?: 'concurrent' | 'mismatch';
    }
  | { readonly do: 'act'; readonly nth: number; readonly action: 'cancel' | 'retry' | 'rollback' | 'extend' }
  | { readonly do: 'look'; readonly nth: number }
  | {
      readonly do: 'direct';
      /** The n-th direct command of the plan. */
      readonly nth: number;
      readonly app: string;
      readonly thingName: ThingName;
      readonly name: Action;
      readonly errand: Errand;
      readonly applyWithinMs: number;
      readonly expiresInMs: number;
      readonly whenOffline: WhenOffline;
      readonly sequenceKey?: string;
      /** The same request again, at the same time. */
      readonly again: boolean;
    }
  | {
      readonly do: 'group';
      /** The n-th group request of the plan. */
      readonly nth: number;
      readonly app: string;
      readonly name: Action;
      readonly errand: Errand;
      readonly applyWithinMs: number;
      readonly expiresInMs: number;
      readonly whenOffline: WhenOffline;
      readonly abortAfter?: number;
      /** The same request again, at the same time. */
      readonly again: boolean;
    }
  | {
      readonly do: 'actDirect';
      readonly nth: number;
      readonly action: DirectAct;
      /** `nth` is that of a group: one of its members' commands. */
      readonly ofGroup?: true;
    }
  | { readonly do: 'report'; readonly ref: ShadowRef; readonly refresh: boolean }
  | { readonly do: 'foreign'; readonly ref: ShadowRef; readonly state: JsonObject; readonly locked: boolean }
  | { readonly do: 'delete'; readonly ref: ShadowRef }
  | {
      readonly do: 'press';
      readonly ref: ShadowRef;
      readonly field: FieldPointer;
      readonly value: JsonValue;
      readonly person: string;
    }
  | {
      readonly do: 'ail';
      readonly ref: ShadowRef;
      readonly field: FieldPointer;
      readonly ailment: Ailment;
      readonly forMs: number;
    }
  | {
      readonly do: 'flap';
      readonly ref: ShadowRef;
      readonly field: FieldPointer;
      readonly values: readonly [JsonValue, JsonValue];
      readonly everyMs: number;
      readonly times: number;
    }
  | { readonly do: 'crash'; readonly machine: string; readonly downMs: number }
  | {
      readonly do: 'arm';
      readonly machine: string;
      readonly point: Failpoint | DirectFailpoint;
      readonly visit: number;
    }
  | { readonly do: 'stop'; readonly machine: string; readonly downMs: number }
  | { readonly do: 'pause'; readonly machine: string; readonly forMs: number }
  | { readonly do: 'partition'; readonly machine: string; readonly direction: Direction; readonly forMs: number }
  | { readonly do: 'impersonate'; readonly machine: string }
  | { readonly do: 'brokerRestart'; readonly downMs: number }
  | { readonly do: 'poison'; readonly ref: ShadowRef; readonly kind: string; readonly payload: string }
  | { readonly do: 'jump'; readonly machine: string; readonly byMs: number }
  | { readonly do: 'ledgerFull'; readonly forMs: number }
  | { readonly do: 'ledgerDown'; readonly forMs: number }
  | { readonly do: 'journalFull'; readonly machine: string; readonly forMs: number };
