import { bareClient, message, subscription } from '../support/bare-client.ts';
import { pace } from '../support/pace.ts';
import { answer, options, ready } from '../support/process.ts';

/** Sends and waits for what comes back over four legs. */
const { url, things } = options<{ url: string; things: readonly string[] }>();
const waiting = new Map<string, () => void>();
const payload = 'x'.repeat(300);
const client = await bareClient(url, 'relay-app', (topic) => waiting.get(topic)?.());
await client.subscribe(subscription('done/+'));
ready();

answer<{ count: number; inFlight: number }>(({ count, inFlight }) =>
  pace(Array.from({ length: count }), inFlight, (_, worker) => {
    const thing = things[worker] ?? '';
    return new Promise<void>((resolve) => {
      waiting.set(`done/${thing}`, resolve);
      void client.publish(message(`up/${thing}`, payload)).catch(() => undefined);
    });
  }),
);
