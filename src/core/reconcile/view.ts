import type { ClientToken } from '../brand.ts';
import type { JsonObject } from '../json/json.ts';
import { mergeSection } from '../shadow/merge.ts';
import { mergeMetadata } from '../shadow/metadata.ts';
import { newestStampS } from './plan.ts';

/** The shadow as the device knows it, at one version. */
export interface DeviceView {
  readonly version: number;
  readonly desired?: JsonObject;
  /** Metadata of desired: when each wish was written, by service time. */
  readonly stamps?: JsonObject;
  readonly reported?: JsonObject;
}

/** An accepted update of anybody: the patch of exactly one version. */
export interface AcceptedPatch {
  readonly version: number;
  readonly clientToken?: ClientToken;
  /** Null removes the section. */
  readonly desired?: JsonObject | null;
  readonly reported?: JsonObject | null;
  readonly stampS?: number;
}

/** The view one version on. Patches apply in order only: the caller sees to it that `version` is the next one. */
export function advanced(view: DeviceView, patch: AcceptedPatch): DeviceView {
  const reported = patch.reported === undefined ? view.reported : mergeSection(view.reported, patch.reported);
  const sections = desiredAfter(view, patch);
  return { version: patch.version, ...sections, ...(reported === undefined ? {} : { reported }) };
}

function desiredAfter(
  { desired: before, stamps }: DeviceView,
  { desired: patch, stampS }: AcceptedPatch,
): Pick<DeviceView, 'desired' | 'stamps'> {
  if (patch === undefined) {
    return { ...(before === undefined ? {} : { desired: before }), ...(stamps === undefined ? {} : { stamps }) };
  }
  const desired = mergeSection(before, patch);
  if (desired === undefined) return {};
  const metadata = mergeMetadata({
    metadata: stamps,
    before,
    after: desired,
    patch,
    stamp: { timestamp: stampS ?? newestStampS(stamps) ?? 0 },
  });
  return { desired, ...(metadata === undefined ? {} : { stamps: metadata }) };
}
