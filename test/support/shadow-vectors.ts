import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { ShadowDocument } from '../../src/core/shadow/document.ts';
import type { ShadowRules } from '../../src/core/shadow/limits.ts';
import type { ShadowOperation } from '../../src/protocol/topics.ts';

/** One documented behaviour of the shadow service, as a short play. See test/vectors/README.md. */
export interface Vector {
  readonly rule: string;
  readonly title: string;
  readonly rules?: Partial<ShadowRules>;
  readonly steps: readonly VectorStep[];
}

export interface VectorStep {
  /** Service time in seconds; ten more than the step before by default. */
  readonly at?: number;
  readonly shadow?: string;
  readonly update?: unknown;
  readonly updateText?: string;
  readonly updateHex?: string;
  readonly get?: unknown;
  readonly getText?: string;
  readonly delete?: unknown;
  readonly deleteText?: string;
  /** HTTP has no body for get and delete. */
  readonly mqttOnly?: boolean;
  readonly expect?: Expectation;
  /** The stored document afterwards: these members, exactly. */
  readonly then?: Partial<ShadowDocument>;
}

/** Each message: the members given, exactly; `null`: it is not sent; `…Text`: the whole text, member order included. */
interface Expectation {
  readonly accepted?: Record<string, unknown>;
  readonly rejected?: Record<string, unknown>;
  readonly delta?: Record<string, unknown> | null;
  readonly documents?: Record<string, unknown> | null;
  /** `current` of documents. */
  readonly current?: Record<string, unknown>;
  readonly deltaText?: string;
  readonly documentsText?: string;
  /** All the member names of the answer, sorted. */
  readonly members?: readonly string[];
}

/** What came of one request, as texts. */
export interface Outcome {
  readonly accepted?: string | undefined;
  readonly rejected?: string | undefined;
  readonly delta?: string | undefined;
  readonly documents?: string | undefined;
}

export interface VectorDriver {
  /** HTTP's rejections have a code and a message and nothing else, and its gets no body. */
  readonly http?: boolean;
  now(ms: number): void;
  send(request: { thing: string; shadow?: string; operation: ShadowOperation; payload: Buffer }): Promise<Outcome>;
  document(key: string): ShadowDocument | undefined;
}

export function loadVectors(): Vector[] {
  const folder = new URL('../vectors/shadow/', import.meta.url);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Vector[]);
}

export async function play(vector: Vector, driver: VectorDriver, thing: string): Promise<void> {
  let seconds = 0;
  for (const step of vector.steps) {
    seconds = step.at ?? seconds + 10;
    if (step.mqttOnly && driver.http) continue;
    driver.now(seconds * 1000);
    const { operation, payload } = requestOf(step);
    const { shadow } = step;
    const outcome = await driver.send({ thing, operation, payload, ...(shadow === undefined ? {} : { shadow }) });
    const wanted = JSON.parse(JSON.stringify(step.expect ?? {}).replaceAll('$THING', thing)) as Expectation;
    check(wanted, outcome, driver.http === true);
    if (step.then !== undefined) {
      const document = driver.document(shadow === undefined ? thing : `${thing}/${shadow}`);
      expect(document).toBeDefined();
      for (const [name, value] of Object.entries(step.then)) {
        expect({ [name]: document?.[name as keyof ShadowDocument] }).toEqual({ [name]: value });
      }
    }
  }
}

function requestOf(step: VectorStep): { operation: ShadowOperation; payload: Buffer } {
  if (step.updateHex !== undefined) return { operation: 'update', payload: Buffer.from(step.updateHex, 'hex') };
  for (const operation of ['update', 'get', 'delete'] as const) {
    const text = step[`${operation}Text`];
    if (text !== undefined) return { operation, payload: Buffer.from(text) };
    const body = step[operation];
    if (body === '') return { operation, payload: Buffer.alloc(0) };
    if (body !== undefined) return { operation, payload: Buffer.from(JSON.stringify(body)) };
  }
  throw new Error('a step has a request');
}

function check(wanted: Expectation, outcome: Outcome, http: boolean): void {
  if (wanted.accepted !== undefined) expectMembers(outcome.accepted, wanted.accepted);
  if (wanted.rejected !== undefined) {
    const { code, message } = wanted.rejected;
    expectMembers(outcome.rejected, http ? { code, ...(message === undefined ? {} : { message }) } : wanted.rejected);
  }
  for (const kind of ['delta', 'documents'] as const) {
    const expected = wanted[kind];
    if (expected === null) expect({ [kind]: outcome[kind] }).toEqual({ [kind]: undefined });
    else if (expected !== undefined) expectMembers(outcome[kind], expected);
    const text = wanted[`${kind}Text`];
    if (text !== undefined) expect(outcome[kind]).toBe(text);
  }
  if (wanted.current !== undefined) {
    expectMembers(
      JSON.stringify((JSON.parse(outcome.documents ?? '{}') as { current: unknown }).current),
      wanted.current,
    );
  }
  const answer = outcome.accepted ?? (http ? undefined : outcome.rejected);
  if (wanted.members !== undefined && answer !== undefined) {
    expect(Object.keys(JSON.parse(answer) as object).sort()).toEqual(wanted.members);
  }
}

function expectMembers(text: string | undefined, expected: Record<string, unknown>): void {
  const body = JSON.parse(text ?? '{}') as Record<string, unknown>;
  const found = Object.fromEntries(Object.keys(expected).map((name) => [name, body[name]]));
  expect(found, text).toEqual(expected);
}
