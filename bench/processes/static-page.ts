import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { options, ready } from '../support/process.ts';

/** A finished page behind node:http: what a browser needs to paint the same thing with nothing left to do. */
const { path } = options<{ path: string }>();
const page = readFileSync(path);
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
});
server.listen(0, '127.0.0.1', () => ready({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
