import { readJournal } from '../../adapters/file/journal.ts';
import { mqttTransport } from '../../adapters/aws-iot/transport.ts';
import { SystemRandom } from '../../adapters/system/random.ts';
import type { Agent } from '../../compose-agent.ts';
import { epochMs, monotonicMs, type ClientToken, type FieldPointer } from '../../core/brand.ts';
import type { JsonValue } from '../../core/json/json.ts';
import { problem } from '../../core/problem.ts';
import type { Reading } from '../../core/reconcile/judge-field.ts';
import { DEFAULT_LIMITS } from '../../core/reconcile/limits.ts';
import { plan, type Plan } from '../../core/reconcile/plan.ts';
import type { DeviceView } from '../../core/reconcile/view.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { shadowKey, type ShadowRef } from '../../core/shadow/shadow-ref.ts';
import { AdapterHost } from '../../device/adapter-host.ts';
import type { DeviceShadow } from '../../device/device.ts';
import { eventOf } from '../../device/inbox.ts';
import { SILENT } from '../../ports/log.ts';
import type { Transport } from '../../ports/transport.ts';
import { parseShadowRecord } from '../../protocol/journal-record.ts';
import { parseShadowMessage } from '../../protocol/shadow-messages.ts';
import { parseShadowTopic, shadowTopic } from '../../protocol/topics.ts';

/** What the agent would do with one field if it ran now. */
export interface PlannedField {
  readonly shadow: string;
  readonly field: FieldPointer;
  readonly desired?: JsonValue;
  readonly reads?: JsonValue;
  readonly would: string;
}

const ANSWER_MS = 10_000;

/**
 * The plan of one pass: reads the shadow and the hardware, applies and reports nothing. Connects under a client id of its
 * own, so that an agent that runs is left alone.
 */
export async function dryRun(agent: Agent): Promise<Result<readonly PlannedField[]>> {
  const clientId = `${agent.mqtt.clientId}-dry-run`;
  const ports = { clock: agent.clock, random: new SystemRandom(), log: SILENT };
  const transport = mqttTransport({ ...agent.mqtt, clientId }, ports);
  if (!transport.ok) return transport;
  try {
    const started = await transport.value.start();
    if (!started.ok) return started;
    const planned: PlannedField[] = [];
    for (const shadow of agent.shadows) {
      const { thing: thingName } = agent.config;
      const ref: ShadowRef =
        shadow.shadowName === undefined ? { thingName } : { thingName, shadowName: shadow.shadowName };
      const asked = await ask(transport.value, ref, agent);
      if (!asked.ok) return asked;
      planned.push(...(await planFor(ref, shadow, asked.value, agent)));
    }
    return ok(planned);
  } finally {
    await transport.value.stop();
  }
}

interface Answer {
  readonly view?: DeviceView;
  readonly timestampS?: number | undefined;
}

async function ask(transport: Transport, ref: ShadowRef, { clock }: Agent): Promise<Result<Answer>> {
  const token = `sd1-dry-run-${clock.wall()}` as ClientToken;
  const key = shadowKey(ref);
  return new Promise((resolve) => {
    const cancel = clock.at(monotonicMs(clock.monotonic() + ANSWER_MS), () => {
      resolve(fail(problem('server_unreachable', 'the shadow service did not answer', { at: key })));
    });
    const settle = (answer: Result<Answer>): void => {
      cancel();
      resolve(answer);
    };
    const filter = shadowTopic(ref, 'get').concat('/+');
    void transport
      .subscribe([{ filter, qos: 0 }], ({ topic, payload }) => {
        const kind = parseShadowTopic(topic)?.kind;
        if (kind !== 'get/accepted' && kind !== 'get/rejected') return;
        const message = parseShadowMessage(kind, payload);
        const event = message.ok ? eventOf(message.value) : undefined;
        if (event?.type === 'document' && event.clientToken === token) settle(ok(event));
        if (event?.type !== 'get_rejected' || event.clientToken !== token) return;
        if (event.code === 404) settle(ok({}));
        else settle(fail(problem('service_rejected', `the shadow service answered ${event.code}`, { at: key })));
      })
      .then(async (subscribed) => {
        if (!subscribed.ok) return settle(subscribed);
        const body = JSON.stringify({ clientToken: token });
        const sent = await transport.publish({ topic: shadowTopic(ref, 'get'), payload: body, qos: 0 });
        if (!sent.ok) settle(sent);
      });
  });
}

async function planFor(ref: ShadowRef, shadow: DeviceShadow, answer: Answer, agent: Agent): Promise<PlannedField[]> {
  const { clock } = agent;
  const limits = DEFAULT_LIMITS;
  const hosts = shadow.adapters.map(
    (adapter) => new AdapterHost({ adapter, clock, log: SILENT, limits, onLateEnd: () => undefined }),
  );
  const readings = new Map((await Promise.all(hosts.map((host) => host.read()))).flat());
  const journal = await readJournal(agent.journal);
  const raw = journal.ok ? journal.value.records.get(shadowKey(ref)) : undefined;
  const now = clock.monotonic();
  const planned = plan(
    {
      desired: answer.view?.desired,
      stamps: answer.view?.stamps,
      owned: new Map(shadow.adapters.flatMap(({ name, fields }) => fields.map((field) => [field, name] as const))),
      readings,
      memory: (raw === undefined ? undefined : parseShadowRecord(raw, now)?.memory) ?? new Map(),
      busy: new Map(),
      model: shadow.model,
    },
    {
      now,
      checkedAt: now,
      ...(answer.timestampS === undefined ? {} : { serviceNow: epochMs(answer.timestampS * 1_000) }),
      fraction: 0,
    },
    limits,
  );
  return describe(shadowKey(ref), answer, readings, planned);
}

function describe(
  shadow: string,
  { view }: Answer,
  readings: ReadonlyMap<FieldPointer, Reading>,
  { calls, states, adopt, memory }: Plan,
): PlannedField[] {
  const would = new Map<FieldPointer, string>();
  for (const { group, changes } of calls) {
    for (const { field, adapter } of changes) {
      would.set(field, group === undefined ? `apply with ${adapter}` : `apply with ${adapter}, group ${group}`);
    }
  }
  for (const { field } of adopt) would.set(field, 'adopt: desired would follow the device');
  for (const [field, { outcome, code, message }] of states) {
    would.set(field, [outcome, code, message].filter((part) => part !== undefined).join(': '));
  }
  const fields = new Set([...readings.keys(), ...would.keys()]);
  return [...fields].map((field) => {
    const reading = readings.get(field);
    const desired = memory.get(field)?.desired;
    return {
      shadow,
      field,
      ...(desired === undefined ? {} : { desired }),
      ...(reading !== undefined && 'value' in reading ? { reads: reading.value } : {}),
      would: would.get(field) ?? (view === undefined ? 'report' : 'nothing'),
    };
  });
}
