import { bareClient, message, subscription } from '../support/bare-client.ts';
import { pace } from '../support/pace.ts';
import { PageSync } from '../support/page-sync.ts';
import { answer, options, ready } from '../support/process.ts';

/**
 * The bare exchange: a request of the same size, and the response that names it. No ledger, no retransmission, no rights.
 * `durable`: a page and a sync before the request and after the response, where a command commits; who asks in the same
 * turn shares the sync, as in the ledger.
 */
const { url, things } = options<{ url: string; things: readonly string[] }>();
const waiting = new Map<string, () => void>();
const text = new TextDecoder();
let settled = 0;
let isSettled = (): void => undefined;
const client = await bareClient(url, 'direct-echo', (_, payload) => {
  const { id } = JSON.parse(text.decode(payload)) as { id: string };
  const resolve = waiting.get(id);
  waiting.delete(id);
  resolve?.();
  settled += 1;
  isSettled();
});
await client.subscribe(subscription('cmd/+/resp'));
ready();

let next = 0;
function request(): { id: string; payload: string } {
  const id = `019a9f00-0000-7000-8000-${String((next += 1)).padStart(12, '0')}`;
  const now = Date.now();
  const payload = JSON.stringify({
    id,
    name: 'open',
    args: { at: 1 },
    issuedAt: now,
    expiresAt: now + 300_000,
    attempt: 1,
  });
  return { id, payload };
}

const page = new PageSync();

async function exchange(thing: string, durable: boolean): Promise<void> {
  if (durable) await page.together();
  const { id, payload } = request();
  const answered = new Promise<void>((resolve) => waiting.set(id, resolve));
  void client.publish(message(`cmd/${thing}/req`, payload)).catch(() => undefined);
  await answered;
  if (durable) await page.together();
}

async function fanOut(group: string): Promise<number> {
  settled = 0;
  const beganMs = performance.now();
  const all = new Promise<void>((resolve) => {
    isSettled = () => {
      if (settled >= things.length) resolve();
    };
  });
  await client.publish(message(`cmd/groups/${group}/req`, request().payload));
  await all;
  return performance.now() - beganMs;
}

answer<{ count: number; inFlight: number; durable?: boolean } | { group: string }>((asked) =>
  'group' in asked
    ? fanOut(asked.group)
    : pace(Array.from({ length: asked.count }), asked.inFlight, (_, worker) =>
        exchange(things[worker] ?? '', asked.durable === true),
      ),
);
