import { SimulatedNetwork, type WireMessage } from '../../simulators/network/simulated-network.ts';
import { ShadowService } from '../../simulators/shadow-service/shadow-service.ts';
import { SeededRandom } from '../../simulators/time/seeded-random.ts';
import { SimulatedClock } from '../../simulators/time/simulated-clock.ts';
import { MemoryJournal } from '../../src/adapters/memory/journal.ts';
import { SILENT, type Log } from '../../src/ports/log.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/json.ts';
import { NO_MODEL, type Model } from '../../src/core/model/model.ts';
import type { ReconcileLimits } from '../../src/core/reconcile/limits.ts';
import { AWS_RULES, type ShadowRules } from '../../src/core/shadow/limits.ts';
import { done } from '../../src/core/result.ts';
import type { ShadowDocument } from '../../src/core/shadow/document.ts';
import { parseShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { DirectRequest, DirectResponse } from '../../src/core/direct/messages.ts';
import type { CommandOffer } from '../../src/device/command-handler.ts';
import { Device, type DeviceDirect } from '../../src/device/device.ts';
import type { Failpoint } from '../../src/device/failpoint.ts';
import type { Journal } from '../../src/ports/journal.ts';
import type { StateAdapter } from '../../src/ports/state-adapter.ts';
import { parseDirectResponse } from '../../src/protocol/direct-messages.ts';
import { compileModel } from '../../src/protocol/model-schema.ts';
import { parseShadowTopic, shadowTopic } from '../../src/protocol/topics.ts';
import { thing } from './test-device.ts';

export interface Sent {
  readonly atMs: number;
  readonly kind: string;
  readonly body: JsonObject;
}

export interface WorldOptions {
  readonly seed?: number;
  readonly rules?: Partial<ShadowRules>;
}

/** One thing, its shadow service and its device on simulated time: a day passes in a second, and faults come on call. */
export class DeviceWorld {
  readonly clock = new SimulatedClock();
  readonly network: SimulatedNetwork;
  readonly service: ShadowService;
  /** What the device published to shadow topics. */
  readonly sent: Sent[] = [];
  /** Answers of the service pass through here: return fewer, more or other ones. */
  deliver: (messages: readonly Answer[]) => readonly Answer[] = (messages) => messages;
  /** Requests that return true never reach the service. */
  swallow: (kind: string, body: JsonObject) => boolean = () => false;
  /** What the device published about direct commands. */
  readonly responses: DirectResponse[] = [];
  device: Device | undefined;
  readonly journal: Journal = new MemoryJournal();
  readonly logged: { level: string; message: string; fields: object }[] = [];

  constructor({ seed = 1, rules }: WorldOptions = {}) {
    this.network = new SimulatedNetwork({ clock: this.clock, random: new SeededRandom(seed) });
    this.service = new ShadowService({ rules: { ...AWS_RULES, ...rules } });
    this.network.observe((message) => this.#request(message));
  }

  /** A new life of the device: same journal, same hardware. */
  async boot(adapters: StateAdapter | readonly StateAdapter[], options: BootOptions = {}): Promise<Device> {
    const clock = options.clock ?? this.clock;
    this.device = new Device({
      thingName: thing('thing'),
      shadows: [
        { model: options.model ?? NO_MODEL, adapters: Array.isArray(adapters) ? adapters : [adapters as StateAdapter] },
      ],
      transport: this.network.client({
        clientId: 'thing',
        clock,
        backoff: { baseMs: 100, maxMs: options.reconnectMaxMs ?? 1_000, stableMs: 0 },
      }),
      journal: this.#plugged(options.journal ?? this.journal),
      clock,
      random: new SeededRandom(`device ${(this.#boots += 1)}`),
      log: this.#log(),
      limits: options.limits ?? {},
      ...(options.failpoint === undefined ? {} : { failpoint: options.failpoint }),
      ...(options.direct === undefined ? {} : { direct: options.direct }),
    });
    for (const [name, offer] of Object.entries(options.offers ?? {})) this.device.onCommand(name, offer);
    const started = this.device.start();
    await this.clock.advance(50);
    const result = await started;
    if (!result.ok) throw new Error(`${result.problem.code}: ${result.problem.message}`);
    return this.device;
  }
  #boots = 0;
  #cut = (): void => undefined;

  /** A journal that a crash cuts off: nothing is written any more, whatever the dying process still tries. */
  #plugged(journal: Journal): Journal {
    let cut = false;
    this.#cut = () => void (cut = true);
    return {
      open: () => journal.open(),
      write: (key, record, how) => (cut ? Promise.resolve(done) : journal.write(key, record, how)),
      close: () => journal.close(),
    };
  }

  /** The power goes: nothing is finished, nothing is said. */
  crash(): void {
    const device = this.device;
    this.device = undefined;
    this.#cut();
    this.network.cut('thing');
    this.network.freeze('thing');
    void device?.stop({ graceMs: 0 });
    this.network.thaw('thing');
  }

  /** An update of the service by an app, or by anybody. */
  update(state: JsonObject | null, more: JsonObject = {}): number {
    const messages = this.#handle('update', { state, clientToken: 'app', ...more });
    return Number(messages[0]?.body['version'] ?? messages[0]?.body['code']);
  }

  desire(desired: JsonObject | null): number {
    return this.update({ desired });
  }

  delete(): void {
    this.#handle('delete', {});
  }

  get document(): ShadowDocument {
    const entry = this.service.store.entry(REF);
    if (entry === undefined || !('record' in entry)) throw new Error('there is no shadow');
    return entry.record.document;
  }

  get exists(): boolean {
    const entry = this.service.store.entry(REF);
    return entry !== undefined && 'record' in entry;
  }

  reported(key: string): JsonValue | undefined {
    return this.document.state.reported?.[key];
  }

  /** The device's own member. */
  get said(): { version?: number; model?: string; fields?: Record<string, { outcome: string; code?: string }> } {
    return (this.reported('reconciler') ?? {}) as never;
  }

  reports(): Sent[] {
    return this.sent.filter(({ kind }) => kind === 'update');
  }

  run(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** A direct request, on the thing's own topic or on a group's. */
  ask(request: Partial<DirectRequest> & { id: string }, topic = 'cmd/thing/req'): void {
    const issuedAt = this.clock.wall();
    const whole = { name: 'ring', args: {}, issuedAt, expiresAt: issuedAt + 300_000, attempt: 1, ...request };
    this.network.publish(topic, Buffer.from(JSON.stringify(whole)));
  }

  /** What the device answered to an id, without the announcements that it took it. */
  answers(id: string): DirectResponse[] {
    return this.responses.filter((response) => response.id === id && response.status !== 'accepted');
  }

  #request({ topic, payload, from }: WireMessage): void {
    if (topic === 'cmd/thing/resp') {
      const response = parseDirectResponse(payload);
      if (!response.ok) throw new Error(`no direct response: ${response.problem.message}`);
      this.responses.push(response.value);
    }
    const parsed = parseShadowTopic(topic);
    if (parsed === undefined) return;
    const { kind } = parsed;
    if (kind !== 'get' && kind !== 'update' && kind !== 'delete') return;
    const body = JSON.parse(Buffer.from(payload).toString('utf8')) as JsonObject;
    if (from === 'thing') this.sent.push({ atMs: this.clock.monotonic(), kind, body });
    if (!this.swallow(kind, body)) this.#handle(kind, body);
  }

  #handle(operation: 'get' | 'update' | 'delete', body: JsonObject): Answer[] {
    const payload = Buffer.from(JSON.stringify(body));
    const { messages } = this.service.handle({ ref: REF, operation, payload }, this.clock.wall());
    const answers = messages.map(({ kind, body: text }) => ({
      kind: kind as string,
      body: JSON.parse(text) as JsonObject,
    }));
    for (const { kind, body: answer } of this.deliver(answers)) this.tell(kind, answer);
    return answers;
  }

  /** A message to the device, from the service or from somebody who pretends. */
  tell(kind: string, body: JsonObject): void {
    this.network.publish(shadowTopic(REF, kind as never), Buffer.from(JSON.stringify(body)));
  }

  #log(): Log {
    const at =
      (level: string) =>
      (fields: object, message: string): void =>
        void this.logged.push({ level, message, fields });
    const log: Log = { ...SILENT, info: at('info'), warn: at('warn'), error: at('error'), with: () => log };
    return log;
  }
}

export interface BootOptions {
  readonly model?: Model;
  readonly limits?: Partial<ReconcileLimits>;
  readonly clock?: Clock;
  readonly reconnectMaxMs?: number;
  readonly journal?: Journal;
  readonly failpoint?: (name: Failpoint) => void;
  readonly offers?: Readonly<Record<string, CommandOffer>>;
  readonly direct?: DeviceDirect;
}

export interface Answer {
  readonly kind: string;
  readonly body: JsonObject;
}

const parsedRef = parseShadowRef('thing');
if (!parsedRef.ok) throw new Error('a thing name');
const REF = parsedRef.value;

/** A model with these properties; annotations under `x-shadow` as usual. */
export function modelWith(properties: JsonObject): Model {
  const compiled = compileModel({ $id: 'test@1', type: 'object', properties, additionalProperties: false });
  if (!compiled.ok) throw new Error(`${compiled.problem.message} ${compiled.problem.at}`);
  return compiled.value;
}
