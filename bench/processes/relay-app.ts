import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCommandBody } from '../../src/http/requests.ts';
import { bareClient, message, subscription } from '../support/bare-client.ts';
import { pace } from '../support/pace.ts';
import { PageSync } from '../support/page-sync.ts';
import { answer, options, ready } from '../support/process.ts';

/**
 * Sends and waits for what comes back over four legs: of itself when it is asked to, or for whoever POSTs, whose body is
 * read by our schema and who is answered when the fourth leg has arrived. Who asks for it `durable` pays for a page and a sync
 * before the first leg and after the fourth; who asks in the same turn of the event loop shares the sync, as in the ledger.
 */
const { url, things } = options<{ url: string; things: readonly string[] }>();
const waiting = new Map<string, () => void>();
const payload = 'x'.repeat(300);
const client = await bareClient(url, 'relay-app', (topic) => waiting.get(topic)?.());
await client.subscribe(subscription('done/+'));

const relayed = (thing: string): Promise<void> =>
  new Promise<void>((resolve) => {
    waiting.set(`done/${thing}`, resolve);
    void client.publish(message(`up/${thing}`, payload)).catch(() => undefined);
  });

const page = new PageSync();

async function relay(thing: string, durable: boolean): Promise<void> {
  if (durable) await page.together();
  await relayed(thing);
  if (durable) await page.together();
}

const reply = JSON.stringify({ id: 'x'.repeat(36), filler: 'x'.repeat(700) });
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
    if (!createCommandBody.safeParse(body).success) throw new Error('the body does not fit');
    const [, thing = '', durable] = /^\/v1\/things\/([^/]+)\/commands(\?durable)?$/.exec(request.url ?? '') ?? [];
    void relay(thing, durable !== undefined).then(() => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': reply.length });
      response.end(reply);
    });
  });
});
server.listen(0, '127.0.0.1', () => ready({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));

answer<{ count: number; inFlight: number }>(({ count, inFlight }) =>
  pace(Array.from({ length: count }), inFlight, (_, worker) => relayed(things[worker] ?? '')),
);
