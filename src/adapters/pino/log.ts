import { pino, type DestinationStream, type Logger } from 'pino';
import type { Log, LogFields } from '../../ports/log.ts';
import { loggable } from './loggable.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  readonly level: LogLevel;
  /** Default: standard error. Standard output belongs to data. */
  readonly destination?: DestinationStream;
}

/**
 * The log on pino: one JSON object per line. Written synchronously, because programs end with `process.exit` and the
 * last lines are the ones somebody will look for.
 */
export function pinoLog({ level, destination = pino.destination({ fd: 2, sync: true }) }: LogOptions): Log {
  return new PinoLog(
    pino(
      {
        level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      destination,
    ),
  );
}

class PinoLog implements Log {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  debug(fields: LogFields, message: string): void {
    if (this.#logger.isLevelEnabled('debug')) this.#logger.debug(loggable(fields), message);
  }

  info(fields: LogFields, message: string): void {
    if (this.#logger.isLevelEnabled('info')) this.#logger.info(this.#shown(fields), message);
  }

  warn(fields: LogFields, message: string): void {
    if (this.#logger.isLevelEnabled('warn')) this.#logger.warn(this.#shown(fields), message);
  }

  error(fields: LogFields, message: string): void {
    if (this.#logger.isLevelEnabled('error')) this.#logger.error(this.#shown(fields), message);
  }

  with(fields: LogFields): Log {
    return new PinoLog(this.#logger.child(this.#shown(fields)));
  }
  #shown(fields: LogFields): Record<string, unknown> {
    return loggable(fields, this.#logger.isLevelEnabled('debug'));
  }
}
