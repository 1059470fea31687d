/** The door `shadowctl/device`: what a device needs, and nothing of server, store or simulators. */
export { Device, type DeviceDirect, type DeviceOptions, type DeviceShadow } from './device.ts';
export type { CommandAnswer, CommandCall, CommandHandler, CommandOffer } from './command-handler.ts';
export type { Failpoint } from './failpoint.ts';
export { DEFAULT_LIMITS, type ReconcileLimits } from '../core/reconcile/limits.ts';
export { NO_MODEL, type FieldAnnotations, type FieldValue, type Model } from '../core/model/model.ts';
export { parsePointer } from '../core/json/json-pointer.ts';
export type { JsonObject, JsonValue } from '../core/json/json.ts';
export type { FieldPointer, ShadowName, ThingName } from '../core/brand.ts';
export { parseShadowName, parseThingName } from '../core/shadow/shadow-ref.ts';
export type { Problem, ProblemCode } from '../core/problem.ts';
export type { Result } from '../core/result.ts';
export type { Clock, Cancel } from '../ports/clock.ts';
export type { Journal, JournalContent, JournalDamage } from '../ports/journal.ts';
export { SILENT, type Log, type LogFields } from '../ports/log.ts';
export type { Random } from '../ports/random.ts';
export type { FieldApplied, FieldReading, StateAdapter } from '../ports/state-adapter.ts';
export type { Transport } from '../ports/transport.ts';
export { compileModel } from '../protocol/model-schema.ts';
