import { isIP } from 'node:net';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:8080`, `[::1]:8080`, `localhost:0`, or a bare port on loopback. Port 0 takes a free one. */
export function parseAddress(text: string): Result<Address> {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    return fail(problem('invalid_usage', 'an address is written HOST:PORT, such as 127.0.0.1:8080', { at: text }));
  }
  return ok({ host: match[1] ?? match[2] ?? '127.0.0.1', port });
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

export function printAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
