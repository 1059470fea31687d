import { ok } from '../../src/core/result.ts';
import { leavesOf, valueAt } from '../../src/core/json/json-pointer.ts';
import { member, type JsonObject } from '../../src/core/json/json.ts';
import { parseShadowTopic, shadowTopic } from '../../src/protocol/topics.ts';
import type { FieldPointer, MonotonicMs } from '../../src/core/brand.ts';
import type { Reading } from '../../src/core/reconcile/judge-field.ts';
import type { Cloud } from '../../src/cloud/cloud.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { StateAdapter } from '../../src/ports/state-adapter.ts';
import type { Transport } from '../../src/ports/transport.ts';
import { SERVER } from '../../simulators/workload/draw-plan.ts';
import type { PlannedStep } from '../../simulators/workload/plan.ts';
import type { CloudPorts, Programs } from '../../simulators/world/programs.ts';
import { inPlaceOf } from './in-place-of.ts';

/**
 * Known mistakes, ours and other people's, each as a switch. A mistake is put in either around the ports (`programs`) or
 * in place of one function of the engine (`replace`); production code has no flags for it.
 */
export interface Mutant {
  readonly mistake: string;
  /** Which invariants may find it. */
  readonly finds: readonly string[];
  /** The first seed to try; from there on it must be found soon. Default 1. */
  readonly from?: number;
  /** Trouble on top of what the seed draws, where a seed seldom draws enough of it. */
  readonly trouble?: readonly PlannedStep[];
  readonly programs?: (production: Programs) => Programs;
  /** Registers the replacement of a module, for the imports that follow. */
  readonly replace?: () => void;
}

type Publish = Transport['publish'];

/** The transport with something in the way of what is published or heard. */
export function transportWith(
  transport: Transport,
  { publish, hear }: { publish?: (go: Publish) => Publish; hear?: (topic: string, payload: Uint8Array) => boolean },
): Transport {
  return {
    start: () => transport.start(),
    stop: () => transport.stop(),
    get connected() {
      return transport.connected;
    },
    publish: publish?.((message) => transport.publish(message)) ?? ((message) => transport.publish(message)),
    subscribe: (subscriptions, handler) =>
      transport.subscribe(subscriptions, (message) => {
        if (hear?.(message.topic, message.payload) !== false) handler(message);
      }),
    onConnection: (listener) => transport.onConnection(listener),
  };
}

export const cloudTransport =
  (make: (transport: Transport, ports: CloudPorts) => Transport) =>
  (production: Programs): Programs => ({
    ...production,
    cloud: (ports) => production.cloud({ ...ports, transport: make(ports.transport, ports) }),
  });

const deviceTransport =
  (make: (transport: Transport, clock: Clock) => Transport) =>
  (production: Programs): Programs => ({
    ...production,
    device: (options) => production.device({ ...options, transport: make(options.transport, options.clock) }),
  });

const cloudApi =
  (make: (cloud: Cloud) => Partial<Cloud>) =>
  (production: Programs): Programs => ({
    ...production,
    cloud: (ports) => {
      const cloud = production.cloud(ports);
      const changed = make(cloud);
      return new Proxy(cloud, {
        get: (target, name) => {
          const own: unknown = Reflect.get(changed, name);
          if (own !== undefined) return own;
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    },
  });

export const bodyOf = (payload: Uint8Array | string): JsonObject =>
  JSON.parse(typeof payload === 'string' ? payload : Buffer.from(payload).toString('utf8')) as JsonObject;

const withoutVersion: (go: Publish) => Publish = (go) => (message) => {
  if (!message.topic.endsWith('/update')) return go(message);
  const { version: _, ...body } = bodyOf(message.payload);
  return go({ ...message, payload: JSON.stringify(body) });
};

function applyDelta(adapters: readonly StateAdapter[], payload: Uint8Array): void {
  const state = member(bodyOf(payload), 'state');
  for (const adapter of adapters) {
    const changes = adapter.fields.flatMap((field) => {
      const value = valueAt(state, field);
      return value === undefined ? [] : [{ field, value }];
    });
    if (changes.length > 0) void adapter.apply(changes, new AbortController().signal).catch(() => undefined);
  }
}

/** The server's wall clock goes an hour ahead every four minutes. */
export const JUMPS: readonly PlannedStep[] = [1, 2, 3, 4].map((nth) => ({
  atMs: nth * 240_000,
  do: 'jump',
  machine: SERVER,
  byMs: 3_600_000,
}));

export const MUTANTS: readonly Mutant[] = [
  {
    mistake: 'success on `accepted`, without waiting for the device',
    finds: ['I8'],
    replace: inPlaceOf('../../src/core/command/judge.ts', () => ({
      judge: (command, { view }) => ({
        version: view.version,
        delivered: true,
        fields: command.fields.map(({ field }) => ({ field, state: { outcome: 'confirmed' } as const })),
      }),
    })),
  },
  {
    mistake: 'equality alone is success, whatever the device says that it has seen',
    finds: ['I8'],
    replace: inPlaceOf('../../src/core/command/judge.ts', (real) => ({
      judge: (command, evidence) =>
        real.judge(command, { ...evidence, word: { version: Number.MAX_SAFE_INTEGER, fields: new Map() } }),
    })),
  },
  {
    mistake: 'noop by equality while a change is in flight',
    finds: ['I8'],
    replace: inPlaceOf('../../src/core/desk/facts.ts', (real) => ({
      factsOf: (draft, landed) => {
        const facts = real.factsOf(draft, landed);
        const { word, presence } = draft.desk;
        const settled = facts.alreadyEqual && word === undefined && presence.state !== 'offline';
        return { ...facts, settled };
      },
    })),
  },
  {
    mistake: 'noop to a device that is known to be away',
    finds: ['I8'],
    replace: inPlaceOf('../../src/core/desk/facts.ts', (real) => ({
      factsOf: (draft, landed) => {
        const { presence } = draft.desk;
        if (presence.state === 'offline') draft.desk.presence = { ...presence, state: 'unknown' };
        const facts = real.factsOf(draft, landed);
        draft.desk.presence = presence;
        return facts;
      },
    })),
  },
  {
    mistake: 'noop by what a snapshot shows after the device has acted',
    finds: ['I8'],
    replace: inPlaceOf('../../src/core/desk/facts.ts', (real) => ({
      factsOf: (draft, landed) => real.factsOf(draft, { ...landed, before: landed.before ?? draft.desk.sight.view }),
    })),
  },
  {
    mistake: 'the deadline is judged before evidence that was asked for',
    finds: ['I9', 'I8'],
    // Rarer than the others since a verdict may rest on what the server could know: seed 146, and seed 42 by I11.
    from: 131,
    replace: inPlaceOf('../../src/core/desk/asking.ts', () => ({ isAnswered: () => true })),
  },
  {
    mistake: 'the apply clock loses half of what is left at every start',
    finds: ['I9'],
    replace: inPlaceOf('../../src/core/command/clocks.ts', (real) => ({
      started: (clock, now) => real.started({ ...clock, leftMs: clock.leftMs / 2 }, now),
    })),
  },
  {
    mistake: 'deadlines run on the wall clock',
    finds: ['I9'],
    from: 11,
    trouble: JUMPS,
    replace: inPlaceOf('../../src/cloud/steady-time.ts', ({ SteadyTime }) => {
      class WallTime extends SteadyTime {
        readonly #clock: Clock;
        constructor(clock: Clock) {
          super(clock);
          this.#clock = clock;
        }
        override now() {
          return this.#clock.wall();
        }
        override due(at: number) {
          return (at - this.#clock.wall() + this.#clock.monotonic()) as MonotonicMs;
        }
        override hear() {
          return 0;
        }
      }
      return { SteadyTime: WallTime };
    }),
  },
  {
    mistake: 'a lost answer is taken for a lost request: sent again without reading',
    finds: ['I11'],
    replace: inPlaceOf('../../src/core/command/resolve.ts', () => ({ resolveWrite: () => ({ type: 'not_sent' }) })),
  },
  {
    mistake: 'a wish for a shadow that must not exist goes out although one was heard of that is not read yet',
    finds: ['I11'],
    // Rare: a shadow made anew within the quarter of a second before such a wish (seed 243).
    from: 241,
    replace: inPlaceOf('../../src/core/desk/guards.ts', () => ({ mayBeMade: () => false })),
  },
  {
    mistake: 'restoring without looking whose value stands there',
    finds: ['I11'],
    replace: inPlaceOf('../../src/core/command/ending.ts', () => ({
      leftBehind: ({ version, fields }) =>
        version === undefined ? [] : fields.filter(({ state }) => state.outcome !== 'confirmed'),
    })),
  },
  {
    mistake: 'unguarded restore: the update carries no version',
    finds: ['I6'],
    programs: cloudTransport((transport) => transportWith(transport, { publish: withoutVersion })),
  },
  {
    mistake: 'one counter for accepted and get: a patch over a gap is merged as if nothing were missing',
    finds: ['I1', 'I8', 'I9', 'I10', 'I11'],
    replace: inPlaceOf('../../src/core/view/sight.ts', (real) => ({
      seeAccepted: (sight, held, place) =>
        real.seeAccepted(
          sight.view === undefined ? sight : { ...sight, view: { ...sight.view, version: held.update.version - 1 } },
          held,
          place,
        ),
    })),
  },
  {
    mistake: 'late proof rewrites the verdict instead of adding to it',
    finds: ['I7'],
    replace: inPlaceOf('../../src/core/command/transition.ts', (real) => ({
      transition: (command, event, now) => {
        const step = real.transition(command, event, now);
        if (step.command.status !== 'succeeded_late') return step;
        return { ...step, command: { ...step.command, status: 'succeeded' } };
      },
    })),
  },
  {
    mistake: 'commands are acknowledged and published before they are durable',
    finds: ['I5', 'I6', 'I20', 'I21'],
    programs: (production) => ({
      ...production,
      cloud: (ports) =>
        production.cloud({
          ...ports,
          ledger: {
            ...ports.ledger,
            commit: (changes) => {
              void ports.ledger.commit(changes);
              return Promise.resolve(ok({ firstSequence: 1 }));
            },
          },
        }),
    }),
  },
  {
    mistake: 'the idempotency key is ignored',
    finds: ['I17'],
    programs: cloudApi((cloud) => ({
      create: ({ idempotency: _, ...request }) => cloud.create(request),
    })),
  },
  {
    mistake: 'reads are answered from a cache that writes do not touch',
    finds: ['I5', 'I20', 'I15', 'I1'],
    programs: cloudApi((cloud) => {
      const cache = new Map<string, Awaited<ReturnType<Cloud['command']>>>();
      return {
        command: async (id) => {
          const found = cache.get(id) ?? (await cloud.command(id));
          if (found.ok && !cache.has(id)) cache.set(id, found);
          return found;
        },
      };
    }),
  },
  {
    mistake: 'the event stream loses one in seven',
    finds: ['I21'],
    programs: cloudApi((cloud) => ({
      onEvent: (listener) =>
        cloud.onEvent((entry) => {
          if (entry.sequence % 7 !== 0) listener(entry);
        }),
    })),
  },
  {
    mistake: 'a late deletion deletes the shadow that was made anew',
    finds: ['I6'],
    programs: cloudTransport((transport, { clock }) =>
      transportWith(transport, {
        hear: (topic) => {
          const parsed = parseShadowTopic(topic);
          if (parsed?.kind !== 'delete/accepted') return true;
          clock.at((clock.monotonic() + 2_000) as never, () => {
            void transport.publish({ topic: shadowTopic(parsed.ref, 'delete'), payload: '{}', qos: 1 });
          });
          return true;
        },
      }),
    ),
  },
  {
    mistake: 'timers beyond what the platform can count fire at once (2^31 ms there, 2^19 here)',
    finds: ['I12', 'I13', 'I14'],
    programs: (production) => ({
      ...production,
      device: (options) => {
        const { clock } = options;
        const at: Clock['at'] = (due, fire) =>
          clock.at(due - clock.monotonic() > 2 ** 19 ? clock.monotonic() : due, fire);
        return production.device({
          ...options,
          clock: { wall: () => clock.wall(), monotonic: () => clock.monotonic(), at },
        });
      },
    }),
  },
  {
    mistake: 'the device echoes desired instead of reading back',
    finds: ['I3', 'I1'],
    replace: inPlaceOf('../../src/core/reconcile/report.ts', (real) => ({
      buildReport: (input) => {
        const wishes = leavesOf(input.desired ?? {}).flatMap(([field, value]) =>
          input.readings.has(field) ? [[field, { value }] as const] : [],
        );
        return real.buildReport({
          ...input,
          readings: new Map<FieldPointer, Reading>([...input.readings, ...wishes]),
        });
      },
    })),
  },
  {
    mistake: 'the device is silent about what it could not do',
    finds: ['I3'],
    replace: inPlaceOf('../../src/core/reconcile/report.ts', (real) => ({
      buildReport: (input) => real.buildReport({ ...input, states: new Map() }),
    })),
  },
  {
    mistake: 'the device claims a version that it has not seen',
    finds: ['I3', 'I8', 'I2'],
    replace: inPlaceOf('../../src/core/reconcile/report.ts', (real) => ({
      buildReport: (input) => real.buildReport({ ...input, version: input.version + 1 }),
    })),
  },
  {
    mistake: 'a report on every delta',
    finds: ['I13', 'I14', 'I1'],
    programs: deviceTransport((transport) =>
      transportWith(transport, {
        hear: (topic) => {
          const parsed = parseShadowTopic(topic);
          if (parsed?.kind === 'update/delta') {
            const payload = '{"state":{"reported":{}}}';
            void transport.publish({ topic: shadowTopic(parsed.ref, 'update'), payload, qos: 0 });
          }
          return true;
        },
      }),
    ),
  },
  {
    mistake: 'deltas are applied as they come, older ones too, also after a reboot',
    finds: ['I2', 'I1'],
    from: 7,
    programs: (production) => ({
      ...production,
      device: (options) => {
        const transport = transportWith(options.transport, {
          hear: (topic, payload) => {
            const parsed = parseShadowTopic(topic);
            if (parsed?.kind !== 'update/delta') return true;
            const shadow = options.shadows.find(({ shadowName }) => shadowName === parsed.ref.shadowName);
            for (const { adapters } of shadow === undefined ? [] : [shadow]) applyDelta(adapters, payload);
            return true;
          },
        });
        return production.device({ ...options, transport });
      },
    }),
  },
  {
    mistake: 'the device asks once and never again: what it misses is missed for good',
    finds: ['I1', 'I19'],
    programs: deviceTransport((transport) => {
      const asked = new Set<string>();
      return transportWith(transport, {
        publish: (go) => (message) => {
          if (!message.topic.endsWith('/get')) return go(message);
          if (asked.has(message.topic)) return Promise.resolve(ok(undefined));
          asked.add(message.topic);
          return go(message);
        },
      });
    }),
  },
  {
    mistake: 'a local change is adopted without a guard',
    finds: ['I6'],
    programs: deviceTransport((transport) => transportWith(transport, { publish: withoutVersion })),
  },
  {
    mistake: 'retries without backoff',
    finds: ['I13', 'I12', 'I1'],
    replace: inPlaceOf('../../src/core/reconcile/backoff.ts', () => ({ fullJitter: () => 1 })),
  },
  {
    mistake: 'the server is deaf to get: what it missed it never learns',
    finds: ['I1', 'I8', 'I9', 'I19'],
    programs: cloudTransport((transport) => transportWith(transport, { hear: (topic) => !topic.includes('/get/') })),
  },
];
