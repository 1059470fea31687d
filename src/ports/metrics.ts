/**
 * Numbers about ourselves, for Prometheus and the like. The catalogue is closed: a metric that is not in it cannot be
 * written, and labels hold only what is bounded (never a thing, a shadow or a command).
 *
 * Implementations promise: cheap (called on every message), never throwing.
 */
export interface Metrics {
  count(name: CounterName, labels?: MetricLabels, by?: number): void;
  observe(name: HistogramName, value: number, labels?: MetricLabels): void;
  set(name: GaugeName, value: number, labels?: MetricLabels): void;
}

export type MetricLabels = Readonly<Record<string, string>>;

/** Names with their label names and what they count. Units end the name; counters end in `_total`. */
export const COUNTERS = {
  shadow_commands_total: { labels: ['kind', 'result'], help: 'Commands that ended, by kind and final status.' },
  shadow_commands_created_total: { labels: ['kind'], help: 'Commands accepted.' },
  shadow_messages_total: { labels: ['direction', 'kind', 'outcome'], help: 'MQTT messages handled.' },
  shadow_stale_messages_total: { labels: ['kind'], help: 'Messages older than the view, dropped.' },
  shadow_quarantined_messages_total: { labels: ['reason'], help: 'Messages that could not be read.' },
  shadow_takeovers_total: { labels: [], help: 'Connections of things ended by a second client of the same id.' },
  shadow_version_resets_total: { labels: [], help: 'New incarnations noticed: deletions and resets of the version.' },
  shadow_direct_requests_total: {
    labels: ['purpose'],
    help: 'Requests of direct commands published: first, again, notice, group.',
  },
  shadow_direct_responses_total: {
    labels: ['outcome'],
    help: 'Responses to direct commands: used, duplicate, late, unknown.',
  },
  shadow_desks_let_go_total: { labels: [], help: 'Shadows that left the memory because nobody asked for them.' },
  shadow_desks_rested_total: {
    labels: [],
    help: 'Shadows that left the memory because their open commands only wait; they come back when anything happens.',
  },
  shadow_writes_total: { labels: ['purpose', 'result'], help: 'Update requests, by what became of them.' },
  shadow_fields_superseded_total: { labels: ['by'], help: 'Fields overwritten, by kind of successor.' },
} as const;

export const HISTOGRAMS = {
  shadow_command_duration_seconds: {
    labels: ['kind', 'result'],
    help: 'From creation to the final status.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400, 604800],
  },
  shadow_converge_duration_seconds: {
    labels: [],
    help: 'From the acceptance of a write to the evidence of the device.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86400],
  },
  shadow_drift_age_seconds: {
    labels: [],
    help: 'Age of a drifting field when it agreed again.',
    buckets: [1, 10, 60, 300, 1800, 3600, 21600, 86400, 604800],
  },
  shadow_http_request_duration_seconds: {
    labels: ['operation', 'status'],
    help: 'From the head of a request until its answer was handed over; a wait that was asked for is part of it.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  shadow_ledger_sync_duration_seconds: {
    labels: [],
    help: 'From the begin of a transaction of the ledger until it is on the disk.',
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
  },
  shadow_ledger_batch_commits: {
    labels: [],
    help: 'Commits that shared one transaction of the ledger.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000],
  },
} as const;

export const GAUGES = {
  shadow_commands_pending: { labels: ['status'], help: 'Open commands in memory.' },
  shadow_drift_fields: { labels: ['cause'], help: 'Fields that differ, without ignored and acknowledged ones.' },
  shadow_outbox_depth: { labels: [], help: 'Requests that wait for the connection or a cap.' },
  shadow_desks: { labels: [], help: 'Shadows in memory.' },
  shadow_desks_resting: {
    labels: [],
    help: 'Shadows with open commands that only wait, so that they left the memory.',
  },
  shadow_devices: { labels: ['state'], help: 'Things by presence.' },
  shadow_recovering: { labels: [], help: 'Shadows with open commands not looked at since the start.' },
  shadow_ledger_up: { labels: [], help: '1 while the ledger takes changes.' },
  shadow_ledger_waiting: { labels: [], help: 'Commits that wait for their sync.' },
  shadow_ledger_bytes: { labels: [], help: 'Size of the ledger file.' },
  shadow_ledger_wal_bytes: {
    labels: [],
    help: "Size of the ledger's write-ahead log; grows while a reader never lets go.",
  },
  shadow_link_up: { labels: [], help: '1 while connected to the broker.' },
  shadow_link_certificate_expires_seconds: {
    labels: [],
    help: 'When the certificate of the connection ends, in seconds since 1970; absent without one.',
  },
} as const;

export type CounterName = keyof typeof COUNTERS;
export type HistogramName = keyof typeof HISTOGRAMS;
export type GaugeName = keyof typeof GAUGES;

export const NO_METRICS: Metrics = { count: () => undefined, observe: () => undefined, set: () => undefined };
