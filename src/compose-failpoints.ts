import type { LedgerHook } from './adapters/sqlite/batch-writer.ts';
import type { Cloud } from './cloud/cloud.ts';
import { VERDICT_OF } from './core/command/command.ts';
import type { Ledger, LedgerChange } from './ports/ledger.ts';
import type { Transport } from './ports/transport.ts';

/**
 * Where a server can be made to die on purpose: before and after everything that must be durable or reach the wire.
 * The list is what the kill tests walk; each place has to be met.
 */
export const FAILPOINTS = [
  'migrate.step',
  'command.before_commit',
  'command.after_commit',
  'write.before_commit',
  'write.after_commit',
  'verdict.before_commit',
  'verdict.after_commit',
  'ledger.before_store',
  'ledger.before_sync',
  'ledger.after_sync',
  'ledger.before_filing',
  'ledger.after_filing',
  'publish.before',
  'publish.after',
  'api.before_response',
] as const;

export type Failpoint = (typeof FAILPOINTS)[number];

/** Called at every place that is passed. */
export type OnFailpoint = (place: Failpoint) => void;

/** Decorates the server's parts. Without a hook nothing is wrapped, so that a server in production pays nothing. */
export interface Failpoints {
  readonly hook?: LedgerHook;
  readonly onMigration?: () => void;
  ledger(ledger: Ledger): Ledger;
  transport(transport: Transport): Transport;
  cloud(cloud: Cloud): Cloud;
}

export function failpoints(at: OnFailpoint | undefined): Failpoints {
  if (at === undefined) return { ledger: same, transport: same, cloud: same };
  return {
    hook: at,
    onMigration: () => at('migrate.step'),
    ledger: (ledger) =>
      overriding(ledger, {
        commit: async (changes) => {
          const kinds = new Set(changes.flatMap(kindOf));
          for (const kind of kinds) at(`${kind}.before_commit`);
          const result = await ledger.commit(changes);
          for (const kind of kinds) at(`${kind}.after_commit`);
          return result;
        },
      }),
    transport: (transport) =>
      overriding(transport, {
        publish: async (message) => {
          at('publish.before');
          const published = transport.publish(message);
          at('publish.after');
          return published;
        },
      }),
    cloud: (cloud) =>
      overriding(cloud, {
        create: async (request) => {
          const created = await cloud.create(request);
          at('api.before_response');
          return created;
        },
        createDirect: async (request) => {
          const created = await cloud.createDirect(request);
          at('api.before_response');
          return created;
        },
        createMany: async (request) => {
          const created = await cloud.createMany(request);
          at('api.before_response');
          return created;
        },
      }),
  };
}

/** What the kill tests tell apart in a commit. */
function kindOf(change: LedgerChange): ('command' | 'write' | 'verdict')[] {
  if (change.type === 'write') return ['write'];
  if (change.type !== 'command') return [];
  if (VERDICT_OF[change.command.status] !== 'pending') return ['verdict'];
  return change.command.revision === 1 ? ['command'] : [];
}

const same = <T>(part: T): T => part;

/** `part` with some of its methods replaced; the others keep their own `this`. */
function overriding<T extends object>(part: T, methods: Partial<T>): T {
  return new Proxy(part, {
    get: (target, key) => {
      if (Object.hasOwn(methods, key)) return Reflect.get(methods, key) as unknown;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
