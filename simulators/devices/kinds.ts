import type { HardwareSpec } from './hardware.ts';

/** The devices people play with. Each follows the model of the same name in `schemas/models`. */
export const KINDS = {
  heater: {
    name: 'heater',
    fields: {
      '/targetC': { initial: 20, min: 5, max: 30, resolution: 0.5 },
      '/mode': { initial: 'heat' },
      '/fanSpeed': { initial: 1, min: 1, max: 5 },
      '/measuredC': { initial: 19.5 },
    },
  },
  bulb: {
    name: 'bulb',
    fields: {
      '/on': { initial: false },
      '/brightness': { initial: 100, min: 0, max: 100, resolution: 1 },
      '/color/hue': { initial: 40, min: 0, max: 359, resolution: 1 },
      '/color/saturation': { initial: 20, min: 0, max: 100, resolution: 1 },
    },
  },
  lock: {
    name: 'lock',
    fields: {
      '/locked': { initial: true },
      '/autoLockSeconds': { initial: 30, min: 0, max: 3600, resolution: 1 },
      '/battery': { initial: 87 },
    },
  },
  motor: {
    name: 'motor',
    fields: {
      '/enabled': { initial: true },
      '/rpm': { initial: 0, min: 0, max: 1500, resolution: 10 },
      '/direction': { initial: 'forward' },
    },
  },
} as const satisfies Readonly<Record<string, HardwareSpec>>;

export type DeviceKind = keyof typeof KINDS;

export function isDeviceKind(name: string): name is DeviceKind {
  return Object.hasOwn(KINDS, name);
}

/** Hardware for any model: every field starts at `null` and takes what it is given. */
export function specOf(kind: string, fields: readonly string[]): HardwareSpec {
  if (isDeviceKind(kind)) return KINDS[kind];
  return { name: kind, fields: Object.fromEntries(fields.map((field) => [field, { initial: null }])) };
}
