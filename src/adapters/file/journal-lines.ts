import { crc32 } from 'node:zlib';
import { isJsonObject, member, type JsonObject } from '../../core/json/json.ts';
import type { JournalDamage } from '../../ports/journal.ts';
import { parseJsonObject } from '../../protocol/json-text.ts';

/** A line: eight hex digits of CRC-32 over the rest, a blank, `{"key":…,"record":…}`, a line feed. */

export interface JournalEntry {
  readonly key: string;
  readonly record: JsonObject | null;
}

export function entryLine(key: string, record: JsonObject | null): string {
  const body = JSON.stringify({ key, record });
  return `${checksum(body)} ${body}\n`;
}

/** Every line that is whole, in order, and what is missing between and behind them. */
export function readEntries(file: Buffer): {
  entries: JournalEntry[];
  bytes: number;
  damage?: Pick<JournalDamage, 'entriesLost' | 'bytesLost'>;
} {
  const entries: JournalEntry[] = [];
  let entriesLost = 0;
  let bytesLost = 0;
  for (let start = 0; start < file.length;) {
    const end = file.indexOf(LINE_FEED, start);
    const line = file.subarray(start, end < 0 ? file.length : end);
    // Without its line feed an entry was cut off, however good it looks.
    const entry = end < 0 ? undefined : entryOf(line);
    if (entry === undefined) {
      entriesLost += 1;
      bytesLost += line.length + (end < 0 ? 0 : 1);
    } else {
      entries.push(entry);
    }
    start += line.length + 1;
  }
  const bytes = file.length;
  return entriesLost === 0 ? { entries, bytes } : { entries, bytes, damage: { entriesLost, bytesLost } };
}

const LINE_FEED = 0x0a;
const CHECKSUM_CHARACTERS = 8;

function entryOf(line: Buffer): JournalEntry | undefined {
  const body = line.subarray(CHECKSUM_CHARACTERS + 1);
  const written = line.subarray(0, CHECKSUM_CHARACTERS).toString('latin1');
  if (line[CHECKSUM_CHARACTERS] !== 0x20 || checksum(body) !== written) return undefined;
  const parsed = parseJsonObject(body);
  if (!parsed.ok) return undefined;
  const key = member(parsed.value, 'key');
  const record = member(parsed.value, 'record');
  if (typeof key !== 'string' || (record !== null && !isJsonObject(record))) return undefined;
  return { key, record };
}

function checksum(body: string | Buffer): string {
  return crc32(body).toString(16).padStart(CHECKSUM_CHARACTERS, '0');
}
