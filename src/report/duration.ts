/** A length of time for people: the two largest units that say something, `3 d 4 h`, `12 s`. Below a second: `now`. */
export function duration(lengthMs: number): string {
  let rest = Math.floor(Math.max(0, lengthMs) / 1_000);
  const parts: string[] = [];
  for (const [unit, seconds] of UNITS) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0) parts.push(`${count} ${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? 'now' : parts.join(' ');
}

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;
