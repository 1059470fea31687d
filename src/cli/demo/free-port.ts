import { createServer } from 'node:net';

/** The usual port if nobody has it, else 0, which lets the part take a free one. */
export function usualPortOrAny(port: number, host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(0));
    probe.listen({ host, port }, () => probe.close(() => resolve(port)));
  });
}
