/** One server-sent event (WHATWG HTML, section 9.2), as far as our server uses them. */
export interface ServerSentEvent {
  readonly id?: string;
  readonly event: string;
  readonly data: string;
}

/** A server that sends no line end for this long is none of ours. */
const LINE_CHARACTERS_MAX = 1024 * 1024;

/** Events of a response body, as they arrive. Comments and `retry` are skipped; a broken stream throws. */
export async function* serverSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let open: { id?: string; event: string; data: string[] } = { event: 'message', data: [] };
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r\n|\n|\r/);
    rest = lines.pop() ?? '';
    if (rest.length > LINE_CHARACTERS_MAX) throw new Error('a line of the event stream is too long');
    for (const line of lines) {
      if (line === '') {
        if (open.data.length > 0) yield { ...open, data: open.data.join('\n') };
        open = { event: 'message', data: [] };
      } else if (!line.startsWith(':')) {
        take(open, line);
      }
    }
  }
}

function take(open: { id?: string; event: string; data: string[] }, line: string): void {
  const colon = line.indexOf(':');
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (name === 'id') open.id = value;
  if (name === 'event') open.event = value;
  if (name === 'data') open.data.push(value);
}
