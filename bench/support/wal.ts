import { readFileSync } from 'node:fs';

/**
 * How many transactions stand in a SQLite write-ahead log, and which log it is: after a checkpoint it starts anew with
 * other salts. Each transaction of a FULL-sync database cost one fdatasync.
 *
 * Source   SQLite file format, section 4.1: a commit frame carries the size of the database.
 */
export function walCommits(file: string): { commits: number; salts: string } {
  const wal = readFileSync(file);
  const pageBytes = wal.readUInt32BE(8);
  const salts = wal.subarray(16, 24).toString('hex');
  let commits = 0;
  for (let at = 32; at + 24 + pageBytes <= wal.length; at += 24 + pageBytes) {
    if (wal.subarray(at + 8, at + 16).toString('hex') !== salts) break; // left over from an earlier round
    if (wal.readUInt32BE(at + 4) !== 0) commits++;
  }
  return { commits, salts };
}
