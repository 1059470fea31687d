import { PROBLEMS, problem } from '../core/problem.ts';
import type { TimelineEntryView } from '../http/views/command.ts';
import type { Api } from './api.ts';
import { ShadowctlError } from './error.ts';
import { pause } from './patience.ts';
import { serverSentEvents } from './sse.ts';

export interface EventsOptions {
  /** From the entry after this sequence on; without it from now on. */
  readonly after?: number;
  readonly command?: string;
  /** Of the commands of one request for many things. */
  readonly parent?: string;
  readonly thing?: string;
  readonly signal?: AbortSignal;
}

/** The stream of the server, for ever: begun anew where it broke off. */
export async function* events(
  api: Api,
  { after, command, parent, thing, signal }: EventsOptions,
): AsyncGenerator<TimelineEntryView> {
  let last = after;
  let failures = 0;
  const isOver = () => signal?.aborted === true;
  while (!isOver()) {
    const headers = last === undefined ? {} : { 'last-event-id': String(last) };
    const stream = await api.stream('/v1/events', { query: { command, parent, thing }, headers, signal });
    if (!stream.ok && PROBLEMS[stream.problem.code].retry === 'never') throw new ShadowctlError(stream.problem);
    try {
      if (stream.ok && stream.value.body !== null) {
        for await (const event of serverSentEvents(stream.value.body)) {
          failures = 0;
          if (event.event === 'gap') {
            throw new ShadowctlError(problem('events_lost', 'the server no longer keeps what is asked for: list anew'));
          }
          const entry = JSON.parse(event.data) as TimelineEntryView;
          last = entry.sequence;
          yield entry;
          if (isOver()) return; // what came in the same piece is not told any more
        }
      }
    } catch (error) {
      if (error instanceof ShadowctlError) throw error;
    }
    const atLeastMs = stream.ok ? 0 : (stream.problem.retryAfterMs ?? 0);
    await pause({ failures, atLeastMs, signal });
    failures += 1;
  }
}
