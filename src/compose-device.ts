import { mqttTransport } from './adapters/aws-iot/transport.ts';
import type { MqttOptions } from './adapters/aws-iot/options.ts';
import { FileJournal } from './adapters/file/journal.ts';
import { MemoryJournal } from './adapters/memory/journal.ts';
import { SystemClock } from './adapters/system/clock.ts';
import { SystemRandom } from './adapters/system/random.ts';
import type { ThingName } from './core/brand.ts';
import type { ReconcileLimits } from './core/reconcile/limits.ts';
import { ok, type Result } from './core/result.ts';
import { Device, type DeviceDirect, type DeviceOptions, type DeviceShadow } from './device/device.ts';
import type { Clock } from './ports/clock.ts';
import type { Journal } from './ports/journal.ts';
import { SILENT, type Log } from './ports/log.ts';
import type { Random } from './ports/random.ts';
import { presenceTopic } from './protocol/presence-topic.ts';

/**
 * The door `shadowctl/device`: the reconciler with everything a device needs around it (MQTT, journal, clock), and nothing
 * of server, store or simulators. A test follows its imports.
 */
export * from './device/index.ts';
export { FileJournal } from './adapters/file/journal.ts';
export { MemoryJournal } from './adapters/memory/journal.ts';
export { LOG_LEVELS, pinoLog, type LogLevel } from './adapters/pino/log.ts';

export interface DeviceSetup {
  readonly thingName: ThingName;
  readonly shadows: readonly DeviceShadow[];
  /** The client id is the thing name unless it says otherwise. */
  readonly mqtt: Omit<MqttOptions, 'clientId'> & { readonly clientId?: string };
  /** A file, a journal of one's own, or nothing: then a restart begins from what the hardware shows. */
  readonly journal?: string | Journal;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Log;
  readonly limits?: Partial<ReconcileLimits>;
  /** Groups and topics of direct commands; `device.onCommand` offers them. */
  readonly direct?: DeviceDirect;
  readonly failpoint?: DeviceOptions['failpoint'];
}

/** A device of this process: MQTT, a journal, the system's clock, and the reconciler over them. Not started yet. */
export function composeDevice(setup: DeviceSetup): Result<Device> {
  const { thingName, shadows, limits, direct, failpoint } = setup;
  const clock = setup.clock ?? new SystemClock();
  const random = setup.random ?? new SystemRandom();
  const log = setup.log ?? SILENT;
  const will = { topic: presenceTopic(thingName), payload: '{"connected":false}', qos: 0 as const };
  const transport = mqttTransport({ clientId: thingName, will, ...setup.mqtt }, { clock, random, log });
  if (!transport.ok) return transport;
  const journal = typeof setup.journal === 'string' ? new FileJournal(setup.journal) : setup.journal;
  return ok(
    new Device({
      thingName,
      shadows,
      transport: transport.value,
      journal: journal ?? new MemoryJournal(),
      clock,
      random,
      log,
      ...(limits === undefined ? {} : { limits }),
      ...(direct === undefined ? {} : { direct }),
      ...(failpoint === undefined ? {} : { failpoint }),
    }),
  );
}
