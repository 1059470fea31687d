import { expect, test } from 'vitest';
import { eventOf } from '../../../src/device/inbox.ts';
import { parseShadowMessage } from '../../../src/protocol/shadow-messages.ts';

const document = (metadata: object) =>
  parseShadowMessage(
    'get/accepted',
    Buffer.from(
      JSON.stringify({
        state: { desired: { a: 1 }, reported: { a: 1, b: { c: 2 } } },
        metadata,
        version: 7,
        timestamp: 2_000,
      }),
    ),
  );

test('the document tells when its newest part was written, whichever section that is in', () => {
  const stampOf = (metadata: object) => {
    const message = document(metadata);
    if (!message.ok) throw new Error(message.problem.message);
    const event = eventOf(message.value);
    return event?.type === 'document' ? event.view.newestS : undefined;
  };
  const [old, late] = [{ timestamp: 1_000 }, { timestamp: 1_500 }];
  expect(stampOf({ desired: { a: late }, reported: { a: old, b: { c: old } } })).toBe(1_500);
  expect(stampOf({ desired: { a: old }, reported: { a: old, b: { c: late } } })).toBe(1_500);
});
