import type { Output } from './output/output.ts';

/** How a process learns that it is to stop, and how it tells the process that started it that it is up. */
export interface Stop {
  readonly signal: AbortSignal;
  readonly stopped: Promise<void>;
  /** `interrupt`: Ctrl-C. `terminate`: SIGTERM or SIGHUP. `orphaned`: the process that started us is gone. */
  reason(): 'interrupt' | 'terminate' | 'orphaned' | undefined;
}

/** A part must not outlive its whole by more than this, even when its orderly stop hangs. */
const ORPHAN_GRACE_MS = 2_000;

export function watchForStop(process: NodeJS.Process): Stop {
  const controller = new AbortController();
  let reason: ReturnType<Stop['reason']>;
  const stopped = new Promise<void>((resolve) =>
    controller.signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  const stop = (why: NonNullable<typeof reason>) => {
    // Asked twice: the person means it, whatever is still going on.
    if (reason !== undefined && why === 'interrupt') process.exit(130);
    reason ??= why;
    controller.abort();
  };
  process.on('SIGINT', () => stop('interrupt'));
  process.on('SIGTERM', () => stop('terminate'));
  process.on('SIGHUP', () => stop('terminate'));
  if (process.send !== undefined) {
    process.on('disconnect', () => {
      stop('orphaned');
      setTimeout(() => process.exit(0), ORPHAN_GRACE_MS).unref();
    });
    // The channel is a lifeline, not work: it must not keep a finished verb alive.
    process.channel?.unref();
  }
  return { signal: controller.signal, stopped, reason: () => reason };
}

/** The message a part sends to the process that started it. */
export interface ReadyMessage {
  readonly type: 'ready';
  readonly facts: Readonly<Record<string, string | number>>;
}

export function announceReady(facts: ReadyMessage['facts'], output: Output): void {
  if (output.json) output.dataJson({ ready: facts });
  else {
    const shown = Object.entries(facts).map(([name, value]) => `${name} ${value}`);
    output.talk(`${output.talkColor.green('ready')}  ${shown.join('   ')}`);
  }
  const message: ReadyMessage = { type: 'ready', facts };
  process.send?.(message);
}
