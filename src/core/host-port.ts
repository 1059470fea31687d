import { problem } from './problem.ts';
import { fail, ok, type Result } from './result.ts';

/** Where a server listens. Port 0 leaves the choice to the system. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Takes `127.0.0.1:1883`, `[::1]:1883` and a bare port, which means loopback. */
export function parseHostPort(text: string): Result<HostPort> {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[^:[\]]+):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) {
    return fail(problem('invalid_config', 'an address is HOST:PORT, such as 127.0.0.1:1883', { at: text }));
  }
  return ok({ host: (match[1] ?? '127.0.0.1').replace(/^\[|\]$/g, ''), port });
}

/** Whether only programs on this machine can reach the host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
