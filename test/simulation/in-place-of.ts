import { vi } from 'vitest';
import type * as SteadyTimeModule from '../../src/cloud/steady-time.ts';
import type * as ClocksModule from '../../src/core/command/clocks.ts';
import type * as EndingModule from '../../src/core/command/ending.ts';
import type * as JudgeModule from '../../src/core/command/judge.ts';
import type * as ResolveModule from '../../src/core/command/resolve.ts';
import type * as TransitionModule from '../../src/core/command/transition.ts';
import type * as AskingModule from '../../src/core/desk/asking.ts';
import type * as FactsModule from '../../src/core/desk/facts.ts';
import type * as GuardsModule from '../../src/core/desk/guards.ts';
import type * as OrderModule from '../../src/core/direct/device-order.ts';
import type * as DirectTransitionModule from '../../src/core/direct/transition.ts';
import type * as BackoffModule from '../../src/core/reconcile/backoff.ts';
import type * as ReportModule from '../../src/core/reconcile/report.ts';
import type * as SightModule from '../../src/core/view/sight.ts';
import type * as RepliesModule from '../../src/device/reply-store.ts';

/** Modules of the engine of which a known mistake replaces something. */
interface Replaceable {
  '../../src/cloud/steady-time.ts': typeof SteadyTimeModule;
  '../../src/core/command/clocks.ts': typeof ClocksModule;
  '../../src/core/command/ending.ts': typeof EndingModule;
  '../../src/core/command/judge.ts': typeof JudgeModule;
  '../../src/core/command/resolve.ts': typeof ResolveModule;
  '../../src/core/command/transition.ts': typeof TransitionModule;
  '../../src/core/desk/asking.ts': typeof AskingModule;
  '../../src/core/desk/facts.ts': typeof FactsModule;
  '../../src/core/desk/guards.ts': typeof GuardsModule;
  '../../src/core/direct/device-order.ts': typeof OrderModule;
  '../../src/core/direct/transition.ts': typeof DirectTransitionModule;
  '../../src/core/reconcile/backoff.ts': typeof BackoffModule;
  '../../src/core/reconcile/report.ts': typeof ReportModule;
  '../../src/core/view/sight.ts': typeof SightModule;
  '../../src/device/reply-store.ts': typeof RepliesModule;
}

const replaced = new Set<string>();

/** Puts other functions in place of some that a module exports, for the imports that follow. */
export const inPlaceOf =
  <Path extends keyof Replaceable>(path: Path, make: (real: Replaceable[Path]) => Partial<Replaceable[Path]>) =>
  (): void => {
    replaced.add(path);
    vi.resetModules();
    vi.doMock(path, async (original) => {
      const real = await original<Replaceable[Path]>();
      return { ...real, ...make(real) };
    });
  };

/** The engine as it is again. */
export function putBack(): void {
  for (const path of replaced) vi.doUnmock(path);
  replaced.clear();
  vi.resetModules();
}
