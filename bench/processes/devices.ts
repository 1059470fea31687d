import type { MqttOptions } from '../../src/adapters/aws-iot/options.ts';
import { composeDevice } from '../../src/compose-device.ts';
import type { ThingName } from '../../src/core/brand.ts';
import type { JsonValue } from '../../src/core/json/json.ts';
import { NO_MODEL } from '../../src/core/model/model.ts';
import { answer, cpuMs, options, ready } from '../support/process.ts';
import { TimedAdapter } from '../support/timed-adapter.ts';

/** Devices with the real reconciler, in memory journals unless told otherwise. */
export interface DevicesOptions {
  readonly mqtt: Omit<MqttOptions, 'clientId'>;
  readonly things: readonly string[];
  readonly fields: Readonly<Record<string, JsonValue>>;
  readonly applyMs: number;
  /** A folder: each device journals to a file of its own there. */
  readonly journals?: string;
}

const { mqtt, things, fields, applyMs, journals } = options<DevicesOptions>();
for (let at = 0; at < things.length; at += 50) {
  await Promise.all(
    things.slice(at, at + 50).map(async (thing) => {
      const device = composeDevice({
        thingName: thing as ThingName,
        shadows: [{ model: NO_MODEL, adapters: [new TimedAdapter(fields, applyMs)] }],
        mqtt,
        ...(journals === undefined ? {} : { journal: `${journals}/${thing}.journal` }),
      });
      if (!device.ok) throw new Error(device.problem.message);
      const started = await device.value.start();
      if (!started.ok) throw new Error(started.problem.message);
    }),
  );
}
ready({ devices: things.length });
answer(cpuMs);
