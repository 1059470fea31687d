import { Engine } from '../../src/cloud/engine.ts';
import { Device } from '../../src/device/index.ts';
import type { Programs } from './programs.ts';

/** The programs as they are shipped. */
export const PRODUCTION: Programs = {
  cloud: (ports) => new Engine(ports),
  device: (options) => new Device(options),
};
