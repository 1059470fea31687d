import { Writable } from 'node:stream';
import type { Socket } from 'node:net';
import { beforeEach, expect, test } from 'vitest';
import { WriteBatch } from '../../../simulators/broker/write-batch.ts';
import { eventually } from '../../support/eventually.ts';

let calls: string[];
let socket: Socket;

/** As the MQTT library writes: in pieces, corked until the end of the tick. */
function packet(text: string): void {
  socket.cork();
  process.nextTick(() => socket.uncork());
  for (const piece of text) socket.write(piece);
}

beforeEach(() => {
  calls = [];
  const stream = new Writable({
    writev: (chunks, done) => {
      calls.push(chunks.map(({ chunk }) => String(chunk)).join(''));
      done();
    },
  });
  socket = stream as unknown as Socket;
  new WriteBatch().attach(socket);
});

test('an acknowledgement and the answer that follows by an immediate leave in one call, in order', async () => {
  packet('ack ');
  setImmediate(() => packet('answer'));
  await eventually(() => expect(calls).toEqual(['ack answer']));
});

test('a later turn has a call of its own', async () => {
  packet('one');
  await eventually(() => expect(calls).toEqual(['one']));
  packet('two');
  await eventually(() => expect(calls).toEqual(['one', 'two']));
});

test('what waits is sent before the connection is destroyed', () => {
  packet('goodbye');
  socket.destroy();
  expect(calls).toEqual(['goodbye']);
});

test('what waits is sent before the connection ends', async () => {
  packet('goodbye');
  socket.end();
  await eventually(() => expect(socket.writableFinished).toBe(true));
  expect(calls).toEqual(['goodbye']);
});
