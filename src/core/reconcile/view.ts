import type { ClientToken } from '../brand.ts';
import type { JsonObject } from '../json/json.ts';
import { mergeSection } from '../shadow/merge.ts';
import { mergeMetadata } from '../shadow/metadata.ts';
import { newestStampS } from './plan.ts';

/** The shadow as the device knows it, at one version. */
export interface DeviceView {
  readonly version: number;
  readonly desired?: JsonObject | undefined;
  /** Metadata of desired: when each wish was written, by service time. */
  readonly stamps?: JsonObject | undefined;
  readonly reported?: JsonObject | undefined;
  /** When the newest part of the whole document was written, by service time in whole seconds. */
  readonly newestS?: number | undefined;
}

/** An accepted update of anybody: the patch of exactly one version. */
export interface AcceptedPatch {
  readonly version: number;
  readonly clientToken?: ClientToken | undefined;
  /** Null removes the section. */
  readonly desired?: JsonObject | null | undefined;
  readonly reported?: JsonObject | null | undefined;
  readonly stampS?: number | undefined;
}

/** The view one version on. Patches apply in order only: the caller sees to it that `version` is the next one. */
export function advanced(view: DeviceView, patch: AcceptedPatch): DeviceView {
  const { desired: wished, reported: told, stampS, version } = patch;
  const reported = told === undefined ? view.reported : mergeSection(view.reported, told);
  const newestS = Math.max(view.newestS ?? 0, stampS ?? 0);
  if (wished === undefined) return { version, desired: view.desired, stamps: view.stamps, reported, newestS };
  const desired = mergeSection(view.desired, wished);
  const stamps = mergeMetadata({
    metadata: view.stamps,
    before: view.desired,
    after: desired,
    patch: wished,
    stamp: { timestamp: stampS ?? newestStampS(view.stamps) ?? 0 },
  });
  return { version, desired, stamps, reported, newestS };
}
