import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ready } from '../support/process.ts';

/** The bare POST: read the body, parse it, answer 202 with a document of the size that ours has. */
const answer = JSON.stringify({ id: 'x'.repeat(36), filler: 'x'.repeat(700) });
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    JSON.parse(Buffer.concat(chunks).toString());
    response.writeHead(202, { 'content-type': 'application/json', 'content-length': answer.length });
    response.end(answer);
  });
});
server.listen(0, '127.0.0.1', () => ready({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
