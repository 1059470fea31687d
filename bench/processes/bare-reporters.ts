import { bareClient, message } from '../support/bare-client.ts';
import { inChunks } from '../support/fleet.ts';
import { answer, cpuMs, options, ready } from '../support/process.ts';

/** The least that a device can do with the subscriptions it has: every message parsed, every delta answered with a report. */
const { url, things } = options<{ url: string; things: readonly string[] }>();
const text = new TextDecoder();
await inChunks(things, 100, async (thing) => {
  const prefix = `$aws/things/${thing}/shadow`;
  const client = await bareClient(url, thing, (topic, payload) => {
    const { state, version } = JSON.parse(text.decode(payload)) as { state: object; version: number };
    if (!topic.endsWith('/delta')) return;
    const report = JSON.stringify({ state: { reported: { ...state, reconciler: { version } } }, clientToken: thing });
    void client.publish({ ...message(`${prefix}/update`, report), qos: 0 }).catch(() => undefined);
  });
  const filters = ['get/+', 'update/delta', 'update/accepted', 'update/rejected', 'delete/accepted'];
  await client.subscribe({ subscriptions: filters.map((filter) => ({ topicFilter: `${prefix}/${filter}`, qos: 0 })) });
});
ready();
answer(cpuMs);
