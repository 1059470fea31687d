import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * The SDK's MQTT 5 client holds the process open even after it was stopped and closed, until it is collected as garbage
 * (awslabs/aws-crt-nodejs#600), and an idle process never collects. When the last client is done we ask for one
 * collection, so that a program without an explicit exit ends.
 *
 * The set belongs to the process, like the handles it stands for.
 */
const living = new Set<symbol>();

/** A native client was made; the caller keeps the ticket until it closed it. */
export function inUse(): symbol {
  const ticket = Symbol('mqtt5 client');
  living.add(ticket);
  return ticket;
}

export function forgotten(ticket: symbol): void {
  if (living.delete(ticket) && living.size === 0) setImmediate(collect);
}

function collect(): void {
  if (living.size > 0) return;
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  if (typeof gc === 'function') gc();
}
