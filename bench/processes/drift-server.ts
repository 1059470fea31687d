import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Sqlite from 'better-sqlite3';
import { options, ready } from '../support/process.ts';

/** The bare indexed query behind node:http: the bodies as they are stored, joined to a page. */
const { path } = options<{ path: string }>();
const query = new Sqlite(path, { readonly: true })
  .prepare('SELECT body FROM drift WHERE ignored = 0 AND acknowledged = 0 ORDER BY first_seen_at LIMIT 50')
  .pluck();
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(`{"items":[${query.all().join(',')}]}`);
});
server.listen(0, '127.0.0.1', () => ready({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
