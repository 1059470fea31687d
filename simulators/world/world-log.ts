import type { Log, LogFields } from '../../src/ports/log.ts';
import type { Trace } from './trace.ts';

/**
 * What programs log goes into the trace of a run that is being looked at, and nowhere else. A handler or listener that
 * threw is a broken promise whatever the log level.
 */
export function worldLog(
  name: string,
  trace: Trace,
  nowMs: () => number,
  broken: (words: string) => void,
  fixed: LogFields = {},
): Log {
  const line = (level: string) => (fields: LogFields, message: string) => {
    if (message.endsWith('handler failed') || message.endsWith('listener failed')) {
      const { error } = fields;
      broken(`${name}: ${message}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
    if (trace.lines === undefined) return;
    trace.note(`${nowMs()} log ${name} ${level} ${message} ${JSON.stringify({ ...fixed, ...fields })}`);
  };
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    with: (fields) => worldLog(name, trace, nowMs, broken, { ...fixed, ...fields }),
  };
}
