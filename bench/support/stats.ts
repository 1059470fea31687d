/** Figures of one series of measurements, in its own unit. */
export interface Summary {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    count: sorted.length,
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
  };
}

export function median(values: readonly number[]): number {
  return percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

function percentile(sorted: readonly number[], part: number): number {
  if (sorted.length === 0) return NaN;
  const at = (sorted.length - 1) * part;
  const low = sorted[Math.floor(at)] ?? NaN;
  const high = sorted[Math.ceil(at)] ?? NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** A median over repetitions with the lowest and the highest of them: `0.42 (0.40 to 0.47)`. */
export function spread(values: readonly number[], digits = 2): string {
  if (values.length === 0) return 'none';
  if (values.length === 1) return number(values[0] ?? NaN, digits);
  const low = number(Math.min(...values), digits);
  const high = number(Math.max(...values), digits);
  return `${number(median(values), digits)} (${low} to ${high})`;
}

export function number(value: number, digits = 2): string {
  return value >= 1_000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(digits);
}
