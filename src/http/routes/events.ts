import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Cloud } from '../../cloud/cloud.ts';
import type { CommandId } from '../../core/brand.ts';
import type { TimelineEntry } from '../../core/command/command.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { eventsQuery, readRequest } from '../requests.ts';
import { respond, type RouteParts } from '../respond.ts';
import { timelineView } from '../views.ts';

/**
 * `GET /v1/events`: every timeline entry as server-sent events, in order of sequence, without gaps, resumable.
 *
 * Resume     `Last-Event-ID`, or `?after=`; without either the stream starts with what happens next.
 * Gap        A reader older than what is kept first gets an event `gap`: list anew, then go on.
 * Slow ones  A reader that falls behind is served from the ledger in its own time; nothing is buffered for it.
 */
export function eventRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { cloud, closing } = parts;
  let open = 0;

  app.get('/v1/events', async (request, reply) => {
    const query = readRequest(eventsQuery, request.query, 'query');
    if (!query.ok) return respond({ parts, request, reply }, query, String);
    const after = await startOf(cloud, request.headers['last-event-id'], query.value.after);
    if (!after.ok) return respond({ parts, request, reply }, after, String);
    if (open >= STREAMS_MAX) {
      const busy = problem('service_throttled', `this server keeps at most ${STREAMS_MAX} event streams open`);
      return respond({ parts, request, reply }, fail(busy), String);
    }
    open += 1;
    reply.hijack();
    const stream = new EventStream(reply.raw, cloud, query.value.command as CommandId | undefined);
    reply.raw.once('close', () => {
      open -= 1;
      stream.end();
    });
    closing.addEventListener('abort', () => reply.raw.end(), { once: true });
    stream.start(after.value);
    return reply;
  });
}

const STREAMS_MAX = 1_000;
const PAGE = 200;
/** Proxies drop what is silent for a minute or less. */
const HEARTBEAT_MS = 15_000;
const RECONNECT_MS = 2_000;

async function startOf(
  cloud: Cloud,
  header: string | string[] | undefined,
  after: number | undefined,
): Promise<Result<number>> {
  if (header !== undefined) {
    const id = String(header);
    if (!/^\d{1,15}$/.test(id)) return fail(problem('invalid_request', 'Last-Event-ID is a sequence number'));
    return ok(Number(id));
  }
  if (after !== undefined) return ok(after);
  const newest = await cloud.events(0, 1);
  return newest.ok ? ok(newest.value.newest) : newest;
}

/** Reads the ledger from where this reader is; a new event only says "look again". */
class EventStream {
  readonly #response: ServerResponse;
  readonly #cloud: Cloud;
  readonly #command: CommandId | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #unsubscribe: () => void = () => undefined;
  #after = 0;
  #reading = false;
  #more = false;
  #ended = false;

  constructor(response: ServerResponse, cloud: Cloud, command: CommandId | undefined) {
    this.#response = response;
    this.#cloud = cloud;
    this.#command = command;
  }

  start(after: number): void {
    this.#after = after;
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    this.#response.write(`retry: ${RECONNECT_MS}\n\n`);
    this.#response.on('drain', () => this.#read());
    this.#heartbeat = setInterval(() => this.#response.write(': still here\n\n'), HEARTBEAT_MS);
    this.#unsubscribe = this.#cloud.onEvent(() => this.#read());
    this.#read();
  }

  end(): void {
    this.#ended = true;
    clearInterval(this.#heartbeat);
    this.#unsubscribe();
  }

  #read(): void {
    this.#more = true;
    if (this.#reading) return;
    this.#reading = true;
    void this.#readAll().finally(() => {
      this.#reading = false;
      // An event may have come after the last look and before this.
      if (this.#more && !this.#ended && !this.#response.writableNeedDrain) this.#read();
    });
  }

  async #readAll(): Promise<void> {
    while (this.#more && !this.#ended && !this.#response.writableNeedDrain) {
      this.#more = false;
      const page = await this.#cloud.events(this.#after, PAGE);
      if (!page.ok || this.#ended) return;
      const { oldest, entries } = page.value;
      if (oldest > this.#after + 1) {
        this.#response.write(`event: gap\ndata: ${JSON.stringify({ oldest })}\n\n`);
        this.#after = oldest - 1;
      }
      for (const entry of entries) this.#write(entry);
      if (entries.length === PAGE) this.#more = true;
    }
  }

  #write(entry: TimelineEntry): void {
    this.#after = entry.sequence;
    if (this.#command !== undefined && entry.commandId !== this.#command) return;
    const data = JSON.stringify(timelineView(entry));
    this.#response.write(`id: ${entry.sequence}\nevent: ${entry.event}\ndata: ${data}\n\n`);
  }
}
