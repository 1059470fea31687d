import { bareClient, message, subscription } from '../support/bare-client.ts';
import { options, ready } from '../support/process.ts';

/** Devices that answer every direct command at once, each on a connection of its own. They look at the id and at nothing else. */
const { url, things, group } = options<{ url: string; things: readonly string[]; group?: string }>();
const text = new TextDecoder();
for (let at = 0; at < things.length; at += 100) {
  await Promise.all(
    things.slice(at, at + 100).map(async (thing) => {
      const client = await bareClient(url, thing, (_, payload) => {
        const { id } = JSON.parse(text.decode(payload)) as { id: string };
        const response = JSON.stringify({ id, status: 'succeeded', result: { ok: true } });
        void client.publish(message(`cmd/${thing}/resp`, response)).catch(() => undefined);
      });
      await client.subscribe(subscription(group === undefined ? `cmd/${thing}/req` : `cmd/groups/${group}/req`));
    }),
  );
}
ready();
