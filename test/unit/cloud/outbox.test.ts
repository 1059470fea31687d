import { expect, test } from 'vitest';
import { SimulatedClock } from '../../../simulators/time/simulated-clock.ts';
import { Outbox, type OutboxLimits, type Request } from '../../../src/cloud/outbox.ts';
import { RecordingTransport } from '../../support/recording-transport.ts';

function outboxWith(limits: Partial<OutboxLimits>) {
  const clock = new SimulatedClock();
  const transport = new RecordingTransport();
  const outbox = new Outbox(transport, clock, { answerMs: 5_000, ...limits });
  const sent: string[] = [];
  const failed: string[] = [];
  const send = (token: string, priority: Request['priority'] = 'write', isWanted = () => true) =>
    outbox.send({
      token,
      priority,
      isWanted,
      message: { topic: `t/${token}`, payload: '{}', qos: 1 },
      onSent: () => sent.push(token),
      onFailed: ({ code }) => failed.push(`${token} ${code}`),
    });
  return { clock, transport, outbox, sent, failed, send };
}

test('no more requests are in flight than the cap allows; an answer lets the next one go', () => {
  const { outbox, sent, send } = outboxWith({ inFlightMax: 2 });
  for (const token of ['a', 'b', 'c', 'd']) send(token);
  expect(sent).toEqual(['a', 'b']);
  expect(outbox.waiting).toBe(2);
  outbox.settle('a');
  expect(sent).toEqual(['a', 'b', 'c']);
  outbox.settle('a');
  expect(sent).toEqual(['a', 'b', 'c']);
});

test('an answer that never comes gives its place back after the time for answers', async () => {
  const { clock, sent, send } = outboxWith({ inFlightMax: 1, answerMs: 5_000 });
  send('a');
  send('b');
  await clock.advance(4_999);
  expect(sent).toEqual(['a']);
  await clock.advance(2);
  expect(sent).toEqual(['a', 'b']);
});

test('the rate lets a burst go and then one request per interval', async () => {
  const { clock, sent, send } = outboxWith({ perSecond: 10 });
  for (let count = 0; count < 25; count += 1) send(String(count));
  expect(sent).toHaveLength(10);
  await clock.advance(501);
  expect(sent).toHaveLength(15);
  await clock.advance(10_000);
  expect(sent).toHaveLength(25);
});

test('behind a cap writes go before reads of open commands, and those before resync', () => {
  const { outbox, sent, send } = outboxWith({ inFlightMax: 1 });
  send('first');
  send('resync', 'resync');
  send('read', 'read');
  send('write', 'write');
  for (const token of ['first', 'write', 'read']) outbox.settle(token);
  expect(sent).toEqual(['first', 'write', 'read', 'resync']);
});

test('what waits behind a cap when the link is lost is surely not sent, also not later', async () => {
  const { clock, transport, outbox, sent, failed, send } = outboxWith({ inFlightMax: 1 });
  send('a');
  send('b');
  transport.connected = false;
  outbox.clear();
  expect(failed).toEqual(['b transport_offline']);
  transport.connected = true;
  await clock.advance(60_000);
  expect(sent).toEqual(['a']);
});

test('thousands that wait go in the order in which they came, and what is not wanted any more is left out', () => {
  const { outbox, sent, send } = outboxWith({ inFlightMax: 1 });
  const tokens = Array.from({ length: 3_000 }, (_, number) => `request-${number}`);
  for (const token of tokens) send(token, 'write', () => Number(token.slice(8)) % 3 !== 2);
  for (let at = 0; at < sent.length; at += 1) outbox.settle(sent[at] ?? '');
  expect(sent).toEqual(tokens.filter((_, number) => number % 3 !== 2));
  expect(outbox.waiting).toBe(0);
});
