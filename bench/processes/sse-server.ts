import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ready } from '../support/process.ts';

/** The bare fan-out: each POST is written to every listener, in frames of the size that ours have. */
const listeners = new Set<ServerResponse>();
let sequence = 0;
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('retry: 2000\n\n');
    listeners.add(response);
    response.on('close', () => listeners.delete(response));
    return;
  }
  request.resume().on('end', () => {
    response.writeHead(202).end('{}');
    sequence += 1;
    const frame = Buffer.from(`id: ${sequence}\nevent: created\ndata: {"filler":"${'x'.repeat(330)}"}\n\n`);
    for (const listener of listeners) listener.write(frame);
  });
});
server.listen(0, '127.0.0.1', () => ready({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
