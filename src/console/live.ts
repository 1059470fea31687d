import { signal } from '@preact/signals';
import { accessKey, headers } from './api.ts';

/** Live updates: every page asks anew when something changed, at most once a second, and stands still while paused. */

/** Grows whenever pages should look again. */
export const changes = signal(0);
export const paused = signal(false);
export const connection = signal<'connecting' | 'live' | 'away'>('connecting');
/** For relative times. */
export const now = signal(Date.now());

const LOOK_AGAIN_MS = 1_000;
/** Streams end, proxies buffer, presence is no event: a page never shows anything older than this. */
const AT_LATEST_MS = 5_000;
const RECONNECT_MS = 2_000;

export function startLive(): void {
  setInterval(() => {
    now.value = Date.now();
  }, 1_000);
  setInterval(lookAgain, AT_LATEST_MS);
  void follow();
}

const pulse: { waiting?: ReturnType<typeof setTimeout> | undefined } = {};

export function lookAgain(): void {
  if (pulse.waiting !== undefined || paused.value) return;
  pulse.waiting = setTimeout(() => {
    pulse.waiting = undefined;
    changes.value += 1;
  }, LOOK_AGAIN_MS);
}

export function togglePause(): void {
  paused.value = !paused.value;
  if (!paused.value) changes.value += 1;
}

/** `EventSource` cannot send a key, so the stream is read by fetch. Only its pulse matters here, not what it says. */
async function follow(): Promise<void> {
  for (;;) {
    try {
      const response = await fetch('/v1/events', { headers: { accept: 'text/event-stream', ...headers() } });
      if (response.ok && response.body !== null) await readPulse(response.body);
    } catch {
      // Shown as `away` below; the next attempt follows.
    }
    connection.value = 'away';
    await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    if (accessKey.value !== '') lookAgain();
  }
}

async function readPulse(body: ReadableStream<Uint8Array>): Promise<void> {
  connection.value = 'live';
  lookAgain();
  const reader = body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (/^data:/m.test(decoder.decode(value, { stream: true }))) lookAgain();
  }
}
