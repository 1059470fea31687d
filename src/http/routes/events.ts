import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { EventFeed, type Frame, type FramePage } from '../event-feed.ts';
import { bearerOf, tooMany } from '../guard.ts';
import { OPERATIONS } from '../operations.ts';
import type { RequestProblem } from '../problem-response.ts';
import { eventsQuery, readRequest } from '../requests.ts';
import { respond, type RouteParts } from '../respond.ts';
import { route } from '../route.ts';
import { RightsOfStreams, type StreamRights } from '../stream-rights.ts';

/**
 * `GET /v1/events`: every timeline entry as server-sent events, in order of sequence, without gaps, resumable.
 *
 * Resume     `Last-Event-ID`, or `?after=`; without either the stream starts with what happens next.
 * Gap        A reader older than what is kept, or ahead of this ledger, gets an event `gap`: list anew, then go on.
 * Slow ones  A reader that falls behind is served from the ledger in its own time; nothing is buffered for it. One that
 *            takes nothing for four heartbeats (a minute) is let go.
 * Rights     What the caller may look at, also on replay. The credential is asked again with every heartbeat, and before
 *            an event if the last answer is older than a second: what was taken away is not told any more.
 */
export function eventRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { cloud, closing, streamsMax = STREAMS_MAX, heartbeatMs = HEARTBEAT_MS } = parts;
  const feed = new EventFeed(cloud);
  const rights = new RightsOfStreams(parts.access);
  const open = new Map<string, number>();
  let all = 0;

  route(app, OPERATIONS.streamEvents, async ({ request, reply }) => {
    const query = readRequest(eventsQuery, request.query, 'query');
    if (!query.ok) return respond({ parts, request, reply }, query, String);
    const after = await startOf(parts, request, query.value.after);
    if (!after.ok) return respond({ parts, request, reply }, after, String);
    const caller = request.principal.id;
    const own = open.get(caller) ?? 0;
    if (all >= streamsMax || (parts.access !== undefined && own >= parts.access.limits.eventStreams)) {
      const busy = tooMany('event streams', RECONNECT_MS * 5);
      return respond({ parts, request, reply }, fail(busy), String);
    }
    all += 1;
    open.set(caller, own + 1);
    reply.hijack();
    const bearer = bearerOf(request) ?? '';
    const askRights = (): Promise<StreamRights | undefined> => rights.of(bearer);
    const stream = new EventStream({
      ...{ response: reply.raw, feed, heartbeatMs, wants: filterOf(query.value), askRights },
      rightsAreFresh: (known) => rights.areFresh(known),
    });
    const leave = () => reply.raw.end();
    const stay = closing.onClose(leave);
    reply.raw.once('close', () => {
      stay();
      all -= 1;
      const left = (open.get(caller) ?? 1) - 1;
      if (left === 0) open.delete(caller);
      else open.set(caller, left);
      stream.end();
    });
    await stream.start(after.value);
    return reply;
  });
}

const STREAMS_MAX = 1_000;
/** Proxies drop what is silent for a minute or less. */
const HEARTBEAT_MS = 15_000;
const STALLED_HEARTBEATS_MAX = 4;
const RECONNECT_MS = 2_000;

async function startOf(
  { cloud }: RouteParts,
  { headers }: FastifyRequest,
  after: number | undefined,
): Promise<Result<number, RequestProblem>> {
  const header = headers['last-event-id'];
  if (header !== undefined) {
    const id = String(header);
    if (!/^\d{1,15}$/.test(id)) return fail(problem('invalid_request', 'Last-Event-ID is a sequence number'));
    return ok(Number(id));
  }
  if (after !== undefined) return ok(after);
  const newest = await cloud.events(0, 1);
  return newest.ok ? ok(newest.value.newest) : newest;
}

function filterOf({ command, parent, thing, name }: z.output<typeof eventsQuery>): (frame: Frame) => boolean {
  return ({ commandId, parentId, ref }) =>
    (command === undefined || command === commandId) &&
    (parent === undefined || parent === parentId) &&
    (thing === undefined || thing === ref.thingName) &&
    (name === undefined || name === ref.shadowName);
}

interface StreamParts {
  readonly response: ServerResponse;
  readonly feed: EventFeed;
  readonly heartbeatMs: number;
  readonly wants: (frame: Frame) => boolean;
  /** Undefined if the credential is not valid any more. */
  readonly askRights: () => Promise<StreamRights | undefined>;
  readonly rightsAreFresh: (known: StreamRights) => boolean;
}

class EventStream {
  readonly #parts: StreamParts;
  /** Unknown until the first look at them, which is before the first event. */
  #rights: StreamRights | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #unsubscribe: () => void = () => undefined;
  #after = 0;
  /** The newest id that the reader was told. */
  #told = 0;
  #stalled = 0;
  #reading = false;
  #more = false;
  #ended = false;

  constructor(parts: StreamParts) {
    this.#parts = parts;
  }

  async start(after: number): Promise<void> {
    const { response, feed, heartbeatMs } = this.#parts;
    this.#after = after;
    this.#told = after;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    response.write(`retry: ${RECONNECT_MS}\n\n`);
    response.on('drain', () => {
      this.#stalled = 0;
      this.#read();
    });
    this.#heartbeat = setInterval(() => void this.#beat(), heartbeatMs);
    const subscribed = await feed.subscribe(() => this.#read());
    if (!subscribed.ok) {
      response.end();
      return;
    }
    if (this.#ended) subscribed.value();
    else this.#unsubscribe = subscribed.value;
    this.#read();
  }

  end(): void {
    this.#ended = true;
    clearInterval(this.#heartbeat);
    this.#unsubscribe();
  }

  async #beat(): Promise<void> {
    const { response } = this.#parts;
    if (response.writableNeedDrain) {
      this.#stalled += 1;
      if (this.#stalled >= STALLED_HEARTBEATS_MAX) response.destroy();
      return;
    }
    if (!(await this.#askRights())) return;
    // An id without data moves the reader's Last-Event-ID past what a filter kept from it.
    if (this.#after > this.#told) response.write(`id: ${this.#after}\n\n`);
    else response.write(': still here\n\n');
    this.#told = this.#after;
  }

  /** False if the stream is over, which it is when the credential is not valid any more. */
  async #askRights(): Promise<boolean> {
    this.#rights = await this.#parts.askRights();
    if (this.#ended) return false;
    if (this.#rights !== undefined) return true;
    this.end();
    this.#parts.response.end();
    return false;
  }

  #read(): void {
    this.#more = true;
    if (this.#reading) return;
    this.#reading = true;
    void this.#readAll().finally(() => {
      this.#reading = false;
      // An event may have come after the last look and before this.
      if (this.#more && this.#canWrite()) this.#read();
    });
  }

  async #readAll(): Promise<void> {
    while (this.#more && this.#canWrite()) {
      this.#more = false;
      const page = this.#parts.feed.kept(this.#after) ?? (await this.#fromLedger());
      if (page === undefined || this.#ended) return;
      if (!this.#knowsRights() && !(await this.#askRights())) return;
      for (const frame of page.frames) {
        // What does not fit now is read again from where the reader is.
        if (!this.#canWrite()) return;
        this.#write(frame);
      }
      if (page.restart === true) this.#after = page.through;
      else this.#after = Math.max(this.#after, page.through);
      this.#more ||= page.restart === true || (page.through < page.newest && page.frames.length > 0);
    }
  }

  async #fromLedger(): Promise<FramePage | undefined> {
    const page = await this.#parts.feed.page(this.#after);
    if (!page.ok || this.#ended) return undefined;
    const { oldest, newest } = page.value;
    if (oldest <= this.#after + 1 && this.#after <= newest) return page.value;
    const next = this.#after > newest ? newest : oldest - 1;
    this.#parts.response.write(`id: ${next}\nevent: gap\ndata: ${JSON.stringify({ oldest, newest })}\n\n`);
    this.#told = next;
    // What is older is in the list; from here on nothing is missing.
    return { frames: [], through: next, oldest, newest, restart: true };
  }

  #knowsRights(): boolean {
    return this.#rights !== undefined && this.#parts.rightsAreFresh(this.#rights);
  }

  #canWrite(): boolean {
    return !this.#ended && !this.#parts.response.writableNeedDrain;
  }

  #write(frame: Frame): void {
    this.#after = frame.sequence;
    if (!this.#parts.wants(frame) || this.#rights?.allow(frame) !== true) return;
    this.#told = frame.sequence;
    this.#parts.response.write(frame.bytes);
  }
}
