import { bareClient, message, subscription } from '../support/bare-client.ts';
import { options, ready } from '../support/process.ts';

/** Devices that send back what they receive, each on a connection of its own. */
const { url, things } = options<{ url: string; things: readonly string[] }>();
for (let at = 0; at < things.length; at += 50) {
  await Promise.all(
    things.slice(at, at + 50).map(async (thing) => {
      const client = await bareClient(url, thing, (_, payload) => {
        void client.publish(message(`report/${thing}`, payload)).catch(() => undefined);
      });
      await client.subscribe(subscription(`delta/${thing}`));
    }),
  );
}
ready();
