import type { FieldPointer } from '../brand.ts';
import type { Problem } from '../problem.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';

/** What `x-shadow` says about one field (DESIGN.md section 4). Everything is optional; the default is plain JSON equality. */
export interface FieldAnnotations {
  /** Numbers this close count as equal. Relative: a share of the desired value. */
  readonly tolerance?: { readonly absolute: number } | { readonly relative: number };
  /** The device's resolution; values within half a step count as equal. */
  readonly step?: number;
  readonly unit?: string;
  /** Arrays: compare as multisets. */
  readonly unordered?: boolean;
  readonly owner?: 'cloud' | 'device' | 'shared';
  readonly onLocalChange?: 'enforce' | 'adopt' | 'lease';
  readonly leaseMs?: number;
  /** A desired value older than this is refused by the device as `stale`. */
  readonly validForMs?: number;
  /** Fields that must be converged before this one is applied. */
  readonly dependsOn?: readonly FieldPointer[];
  /** Fields with the same group are applied and undone together. */
  readonly group?: string;
  /** An action dressed up as state (reboot: true); refused on the shadow path. */
  readonly momentary?: boolean;
  /** Left out of the drift report, never out of a verdict. */
  readonly ignore?: { readonly reason: string };
}

/** A violation names the field, the broken rule and what the model allows. The device refuses with the rule as its code. */
export type ModelViolation = Problem & { readonly field: FieldPointer; readonly rule: ModelRule };

export type ModelRule = 'unknown_field' | 'wrong_type' | 'out_of_range' | 'not_allowed' | 'momentary';

/**
 * A shadow's model: which fields there are, what they may hold, and how they compare. Compiled from JSON Schema by
 * `protocol/model-schema.ts`.
 */
export interface Model {
  /** `name@version`, such as `heater@2`. */
  readonly id: string;
  /** Annotations of the schema property nearest to `field`; `{}` where there are none. */
  annotations(field: FieldPointer): FieldAnnotations;
  /** Whether the model describes this field at all. */
  knows(field: FieldPointer): boolean;
  /** Every annotated or typed leaf the schema names, in document order. */
  readonly fields: readonly FieldPointer[];
  /**
   * What is wrong with the leaves of a patch to desired: unknown fields, values out of range, wrong types. A null leaf
   * asks for removal and is always fine. Required members are not enforced: a patch is partial.
   */
  violations(patch: JsonObject): readonly ModelViolation[];
}

const NOTHING_SAID: FieldAnnotations = Object.freeze({});

/** Where no model is configured: every field is known, nothing is annotated, nothing is refused. */
export const NO_MODEL: Model = {
  id: 'none',
  annotations: () => NOTHING_SAID,
  knows: () => true,
  fields: [],
  violations: () => [],
};

/** A field with its value. */
export interface FieldValue {
  readonly field: FieldPointer;
  readonly value: JsonValue;
}
