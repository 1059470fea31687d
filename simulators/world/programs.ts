import type { Cloud } from '../../src/cloud/cloud.ts';
import type { Device, DeviceOptions } from '../../src/device/index.ts';
import type { Model } from '../../src/core/model/model.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import type { Log } from '../../src/ports/log.ts';
import type { Random } from '../../src/ports/random.ts';
import type { Transport } from '../../src/ports/transport.ts';

export interface CloudPorts {
  readonly ledger: Ledger;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly modelOf: (ref: ShadowRef) => Model;
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

/** The code under test: the production code through its ports. Tests put known mistakes in here instead. */
export interface Programs {
  cloud(ports: CloudPorts): Cloud;
  device(options: DeviceOptions): Pick<Device, 'start' | 'stop' | 'onCommand'>;
}
