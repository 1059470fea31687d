import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCommandBody } from '../../src/http/requests.ts';
import { options, ready } from '../support/process.ts';

/** The bare POST: read the body, parse it (with `schema` by ours, too), answer 202 with a document of the size that ours has. */
const { schema = false } = options<{ schema?: boolean } | undefined>() ?? {};
const answer = JSON.stringify({ id: 'x'.repeat(36), filler: 'x'.repeat(700) });
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
    if (schema && !createCommandBody.safeParse(body).success) throw new Error('the body does not fit');
    response.writeHead(202, { 'content-type': 'application/json', 'content-length': answer.length });
    response.end(answer);
  });
});
server.listen(0, '127.0.0.1', () => ready({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
