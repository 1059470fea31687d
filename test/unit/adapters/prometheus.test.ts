import { expect, test } from 'vitest';
import { PrometheusMetrics } from '../../../src/adapters/metrics/prometheus.ts';
import { COUNTERS, GAUGES, HISTOGRAMS, type CounterName } from '../../../src/ports/metrics.ts';

const CATALOGUE = { ...COUNTERS, ...HISTOGRAMS, ...GAUGES };

test('every metric of the catalogue is shown with its help, and our names keep the rules of Prometheus', async () => {
  const text = await new PrometheusMetrics('1.2.3').text();
  for (const [name, { help }] of Object.entries(CATALOGUE)) {
    expect(text).toContain(`# HELP ${name} ${help}`);
    expect(name).toMatch(/^shadow_[a-z_]+$/);
  }
  for (const name of Object.keys(COUNTERS)) expect(name).toMatch(/_total$/);
  expect(text).toContain('shadow_build_info{version="1.2.3"} 1');
  expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m);
});

test('E-12, E-13: no label can hold a thing, a shadow or a command', () => {
  const labels = new Set(Object.values(CATALOGUE).flatMap((entry): readonly string[] => entry.labels));
  for (const label of labels) expect(label).not.toMatch(/thing|shadow|command|device|field|author/);
});

test('counts, observations and gauges come out as they went in', async () => {
  const metrics = new PrometheusMetrics('0');
  metrics.count('shadow_commands_total', { kind: 'shadow', result: 'succeeded' });
  metrics.count('shadow_commands_total', { kind: 'shadow', result: 'succeeded' }, 2);
  metrics.observe('shadow_converge_duration_seconds', 0.3);
  metrics.onRead(() => metrics.set('shadow_devices', 7, { state: 'online' }));
  const text = await metrics.text();
  expect(text).toContain('shadow_commands_total{kind="shadow",result="succeeded"} 3');
  expect(text).toContain('shadow_converge_duration_seconds_bucket{le="0.5"} 1');
  expect(text).toContain('shadow_devices{state="online"} 7');
});

test('a label value that is gone is gone from the answer', async () => {
  const metrics = new PrometheusMetrics('0');
  let cause = 'offline';
  metrics.onRead(() => metrics.set('shadow_drift_fields', 3, { cause }));
  expect(await metrics.text()).toContain('shadow_drift_fields{cause="offline"} 3');
  cause = 'refused';
  const text = await metrics.text();
  expect(text).toContain('shadow_drift_fields{cause="refused"} 3');
  expect(text).not.toContain('cause="offline"');
});

test('never throws: not for numbers that are none, and not for labels that it was not told of', async () => {
  const metrics = new PrometheusMetrics('0');
  metrics.set('shadow_desks', Number.NaN);
  metrics.observe('shadow_drift_age_seconds', Infinity);
  for (const by of [0, -1, Number.NaN]) metrics.count('shadow_version_resets_total', {}, by);
  metrics.count('shadow_commands_total' satisfies CounterName, { thing: 'heater-1' });
  expect(await metrics.text()).not.toContain('heater-1');
});
