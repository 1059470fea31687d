import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';

/** `250ms`, `30s`, `5m`, `2h`, `7d`, and sums such as `1h30m`, as milliseconds. */
export function parseDuration(text: string): Result<number> {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  const wellFormed = parts.length > 0 && parts.map(([part]) => part).join('') === text;
  const totalMs = Math.round(
    parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS], 0),
  );
  if (!wellFormed || totalMs <= 0 || totalMs > DURATION_MS_MAX) {
    return fail(
      problem('invalid_usage', 'a length of time is written 250ms, 30s, 5m, 2h, 7d or 1h30m, at most 3650d', {
        at: text,
      }),
    );
  }
  return ok(totalMs);
}

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION_MS_MAX = 3_650 * UNIT_MS.d;

/** A length as people say it: `850 ms`, `12 s`, `3 m 20 s`, `3 h 12 m`, `2 d 4 h`. The two biggest units, no more. */
export function spokenDuration(ms: number): string {
  const total = Math.max(0, Math.round(ms));
  if (total < 1_000) return `${total} ms`;
  if (total < 10_000) return `${(Math.floor(total / 100) / 10).toString()} s`;
  const seconds = Math.floor(total / 1_000);
  const units: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const first = units.findIndex(([count]) => count > 0);
  return units
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}
