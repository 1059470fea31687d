import { monotonicMs, type EpochMs } from '../../src/core/brand.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Fault, FaultInjector } from './fault-injector.ts';

/**
 * Lets messages through, or not, or later, or twice, or in another order. Without rules a message passes at once, inside
 * the call.
 */
export class FaultGate {
  readonly #injector: FaultInjector;
  readonly #clock: Clock;
  readonly #now: () => EpochMs;
  readonly #waiting = new Set<Cancel>();
  /** Messages held back by `reorder` until the next one on their topic has passed. */
  readonly #held = new Map<string, { pass: () => void; cancel: Cancel }[]>();

  constructor({ injector, clock, now }: { injector: FaultInjector; clock: Clock; now: () => EpochMs }) {
    this.#injector = injector;
    this.#clock = clock;
    this.#now = now;
  }

  /**
   * Order means order on one topic. `special` gets the faults that are not about passing (disconnect,
   * reject, throttle); if it returns true the message was dealt with. `dropped` is told instead of `pass`.
   */
  pass(
    topic: string,
    pass: () => void,
    special: (fault: Fault) => boolean = () => false,
    dropped: () => void = () => undefined,
  ): void {
    const faults = this.#injector.next(topic, this.#now());
    if (faults.length === 0) {
      pass();
      this.#release(topic);
      return;
    }
    let copies = 1;
    let delayMs = 0;
    let holdMs: number | undefined;
    for (const fault of faults) {
      switch (fault.rule.kind) {
        case 'drop':
          return dropped();
        case 'duplicate':
          copies += 1;
          break;
        case 'delay':
          delayMs += fault.delayMs;
          break;
        case 'reorder':
          holdMs = fault.delayMs;
          break;
        default:
          if (special(fault)) return;
      }
    }
    const passAll = () => {
      for (let copy = 0; copy < copies; copy++) pass();
    };
    if (holdMs !== undefined) this.#hold(topic, passAll, holdMs + delayMs);
    else if (delayMs > 0) this.#later(delayMs, passAll);
    else {
      passAll();
      this.#release(topic);
    }
  }

  /** Forgets everything that waits. */
  stop(): void {
    for (const cancel of this.#waiting) cancel();
    this.#waiting.clear();
    this.#held.clear();
  }

  #hold(topic: string, pass: () => void, waitMs: number): void {
    const held = this.#held.get(topic) ?? [];
    const entry = {
      pass,
      // Nothing overtook it: it goes on its own.
      cancel: this.#later(waitMs, () => {
        this.#held.set(
          topic,
          (this.#held.get(topic) ?? []).filter((other) => other !== entry),
        );
        pass();
      }),
    };
    held.push(entry);
    this.#held.set(topic, held);
  }

  #release(topic: string): void {
    const held = this.#held.size === 0 ? undefined : this.#held.get(topic);
    if (held === undefined) return;
    this.#held.delete(topic);
    for (const { pass, cancel } of held) {
      cancel();
      pass();
    }
  }

  #later(delayMs: number, fire: () => void): Cancel {
    const stop = this.#clock.at(monotonicMs(this.#clock.monotonic() + delayMs), () => {
      this.#waiting.delete(cancel);
      fire();
    });
    const cancel = () => {
      this.#waiting.delete(cancel);
      stop();
    };
    this.#waiting.add(cancel);
    return cancel;
  }
}
