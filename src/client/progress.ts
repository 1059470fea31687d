import type { CommandStatus } from '../core/command/command.ts';
import type { DirectProgress } from '../core/direct/messages.ts';
import type { TimelineEntryView } from '../http/views/command.ts';
import type { Api } from './api.ts';
import { events, type EventsOptions } from './events.ts';

/** What a device said of its progress: what stands on the timeline, then what comes, until the command ends. */
export async function* progressOf(
  api: Api,
  { id, timeline, ...options }: EventsOptions & { id: string; timeline: readonly TimelineEntryView[] },
): AsyncGenerator<DirectProgress> {
  const after = timeline.at(-1)?.sequence ?? 0;
  for (const entry of timeline) {
    yield* told(entry);
    if (isLast(entry)) return;
  }
  for await (const entry of events(api, { ...options, after, command: id })) {
    yield* told(entry);
    if (isLast(entry)) return;
  }
}

function* told({ detail }: TimelineEntryView): Generator<DirectProgress> {
  const progress = detail?.['progress'];
  if (progress !== undefined) yield progress as DirectProgress;
}

const OPEN: ReadonlySet<CommandStatus> = new Set(['queued', 'sent', 'delivered']);

function isLast({ status }: TimelineEntryView): boolean {
  return !OPEN.has(status);
}
