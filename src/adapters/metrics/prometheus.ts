import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import {
  COUNTERS,
  GAUGES,
  HISTOGRAMS,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type MetricLabels,
  type Metrics,
} from '../../ports/metrics.ts';

/** The catalogue of `src/ports/metrics.ts` as Prometheus reads it, beside Node's own numbers (memory, GC, event loop lag). */
export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #counters: Readonly<Record<CounterName, Counter>>;
  readonly #histograms: Readonly<Record<HistogramName, Histogram>>;
  readonly #gauges: Readonly<Record<GaugeName, Gauge>>;
  readonly #measures: (() => void | Promise<void>)[] = [];

  constructor(version: string) {
    const registers = [this.#registry];
    this.#counters = each(
      COUNTERS,
      (name, { labels, help }) => new Counter({ name, help, labelNames: labels, registers }),
    );
    this.#histograms = each(
      HISTOGRAMS,
      (name, { labels, help, buckets }) =>
        new Histogram({ name, help, labelNames: labels, buckets: [...buckets], registers }),
    );
    this.#gauges = each(GAUGES, (name, { labels, help }) => new Gauge({ name, help, labelNames: labels, registers }));
    const build = { name: 'shadow_build_info', help: 'Always 1; the version is the label.', labelNames: ['version'] };
    new Gauge({ ...build, registers }).set({ version }, 1);
    collectDefaultMetrics({ register: this.#registry });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** `measure` runs whenever somebody asks, for gauges that are read and not counted. */
  onRead(measure: () => void | Promise<void>): void {
    this.#measures.push(measure);
  }

  async text(): Promise<string> {
    // A label value that is gone must not keep its last number.
    for (const name of Object.keys(GAUGES) as GaugeName[]) this.#gauges[name].reset();
    for (const measure of this.#measures) await measure();
    return this.#registry.metrics();
  }

  count(name: CounterName, labels: MetricLabels = {}, by = 1): void {
    if (by > 0) this.#counters[name].inc(known(COUNTERS[name].labels, labels), by);
  }

  observe(name: HistogramName, value: number, labels: MetricLabels = {}): void {
    if (Number.isFinite(value)) this.#histograms[name].observe(known(HISTOGRAMS[name].labels, labels), value);
  }

  set(name: GaugeName, value: number, labels: MetricLabels = {}): void {
    if (Number.isFinite(value)) this.#gauges[name].set(known(GAUGES[name].labels, labels), value);
  }
}

/** The library throws on a label that it was not told of; a slip in a name must not stop a message. */
function known(names: readonly string[], labels: MetricLabels): MetricLabels {
  return Object.fromEntries(names.map((name) => [name, labels[name] ?? '']));
}

function each<Name extends string, Entry, T>(
  catalogue: Readonly<Record<Name, Entry>>,
  make: (name: Name, entry: Entry) => T,
): Readonly<Record<Name, T>> {
  const entries = Object.entries(catalogue) as [Name, Entry][];
  return Object.fromEntries(entries.map(([name, entry]) => [name, make(name, entry)])) as Record<Name, T>;
}
