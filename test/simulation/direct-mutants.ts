import { epochMs } from '../../src/core/brand.ts';
import { isDirectKey } from '../../src/protocol/direct-journal.ts';
import type { Journal } from '../../src/ports/journal.ts';
import type { Transport } from '../../src/ports/transport.ts';
import type { CloudPorts, Programs } from '../../simulators/world/programs.ts';
import { inPlaceOf } from './in-place-of.ts';
import { bodyOf, cloudTransport, transportWith, type Mutant } from './mutants.ts';

/** Known mistakes with direct commands. They show only in runs that have some. */

const deviceJournal =
  (make: (journal: Journal) => Partial<Journal>) =>
  (production: Programs): Programs => ({
    ...production,
    device: (options) => {
      const { journal } = options;
      const through: Journal = {
        open: () => journal.open(),
        write: (key, record, how) => journal.write(key, record, how),
        close: () => journal.close(),
      };
      return production.device({ ...options, journal: { ...through, ...make(journal) } });
    },
  });

export const DIRECT_MUTANTS: readonly Mutant[] = [
  {
    mistake: 'the device forgets at a restart what it has done',
    finds: ['I4', 'I23'],
    programs: deviceJournal((journal) => ({
      open: async () => {
        const opened = await journal.open();
        if (!opened.ok) return opened;
        const records = new Map([...opened.value.records].filter(([key]) => !isDirectKey(key)));
        return { ok: true, value: { ...opened.value, records } };
      },
    })),
  },
  {
    mistake: 'the device acts before its journal is durable',
    finds: ['I4', 'I23'],
    programs: deviceJournal((journal) => ({
      write: (key, record, how) =>
        isDirectKey(key) ? journal.write(key, record, { durable: false }) : journal.write(key, record, how),
    })),
  },
  {
    mistake: 'a request that comes again is done again',
    finds: ['I4', 'I23'],
    replace: inPlaceOf('../../src/device/reply-store.ts', (real) => {
      class Forgetful extends real.ReplyStore {
        override get(_id: string): undefined {
          return undefined;
        }
      }
      return { ReplyStore: Forgetful };
    }),
  },
  {
    mistake: 'what a crash broke off is done again, harmless or not',
    finds: ['I4'],
    programs: (production) => ({
      ...production,
      device: (options) => {
        const device = production.device(options);
        return {
          start: () => device.start(),
          stop: (how) => device.stop(how),
          onCommand: (name, offer) => device.onCommand(name, { ...offer, idempotent: true }),
        };
      },
    }),
  },
  {
    mistake: 'an answer that did not get out is not given again',
    finds: ['I26'],
    replace: inPlaceOf('../../src/device/reply-store.ts', (real) => {
      class Careless extends real.ReplyStore {
        override unpublished(): [] {
          return [];
        }
      }
      return { ReplyStore: Careless };
    }),
  },
  {
    mistake: 'the device does not look at the sequence',
    finds: ['I23'],
    replace: inPlaceOf('../../src/core/direct/device-order.ts', (real) => ({
      turnOf: (job, state, context) => {
        const { sequence: _, ...request } = job.request;
        return real.turnOf({ ...job, request }, state, context);
      },
    })),
  },
  {
    mistake: 'the device acts on what comes too late',
    finds: ['I24'],
    replace: inPlaceOf('../../src/core/direct/device-order.ts', (real) => ({
      turnOf: (job, state, context) =>
        real.turnOf(
          { ...job, request: { ...job.request, expiresAt: epochMs(Number.MAX_SAFE_INTEGER) } },
          state,
          context,
        ),
    })),
  },
  {
    mistake: 'the server gives a retransmission an id of its own',
    finds: ['I4', 'I6', 'I23'],
    programs: cloudTransport((transport) =>
      transportWith(transport, {
        publish: (go) => (message) => {
          if (!message.topic.endsWith('/req')) return go(message);
          const { id, attempt, ...rest } = bodyOf(message.payload);
          const again = typeof attempt === 'number' && attempt > 1;
          return go({
            ...message,
            payload: JSON.stringify({ ...rest, id: again ? `${String(id)}-${attempt}` : id, attempt }),
          });
        },
      }),
    ),
  },
  {
    mistake: 'a direct command succeeds as soon as the broker has its request',
    finds: ['I25'],
    replace: inPlaceOf('../../src/core/direct/transition.ts', (real) => ({
      directTransition: (command, event, now) => {
        if (event.type !== 'published') return real.directTransition(command, event, now);
        const response = { id: command.id, status: 'succeeded' } as const;
        return real.directTransition(command, { type: 'answered', response }, now);
      },
    })),
  },
  {
    mistake: 'what one member of a group answers settles the others too',
    finds: ['I25'],
    programs: cloudTransport((transport) => {
      const groups = new Set<unknown>();
      const noting = transportWith(transport, {
        publish: (go) => (message) => {
          if (message.topic.startsWith('cmd/groups/')) groups.add(bodyOf(message.payload)['id']);
          return go(message);
        },
      });
      const subscribe: Transport['subscribe'] = (subscriptions, handler) =>
        noting.subscribe(subscriptions, (message) => {
          handler(message);
          if (!message.topic.endsWith('/resp') || !groups.has(bodyOf(message.payload)['id'])) return;
          for (const number of [1, 2, 3, 4]) handler({ ...message, topic: `cmd/heater-${number}/resp` });
        });
      return new Proxy(noting, {
        get: (target, name) => (name === 'subscribe' ? subscribe : (Reflect.get(target, name) as unknown)),
      });
    }),
  },
  {
    mistake: 'a request without an answer is repeated without a pause',
    finds: ['I13'],
    programs: (production) => ({
      ...production,
      cloud: (ports) => {
        const direct = { answerMs: 20, groupAnswerMs: 20, backoffMs: 1, backoffMsMax: 20, attemptsMax: 100_000 };
        return production.cloud({ ...ports, direct } as CloudPorts);
      },
    }),
  },
];
