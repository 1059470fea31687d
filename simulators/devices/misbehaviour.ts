import { problem } from '../../src/core/problem.ts';
import { fail, ok, type Result } from '../../src/core/result.ts';

/** How hardware misbehaves. Shares are between 0 (never) and 1 (always) of the calls. */
export interface Misbehaviour {
  /** Every apply takes this long. */
  readonly slowMs?: number;
  /** The first field changes by itself this often. */
  readonly flapMs?: number;
  /** Takes what is out of range and sets the nearest value instead. */
  readonly clamp?: true;
  /** Says done, and nothing moved. */
  readonly stuck?: number;
  /** Says done, nothing moved, and reads back the wish. */
  readonly lie?: number;
  readonly hang?: number;
  readonly throw?: number;
  /** The power goes right after an apply. */
  readonly reboot?: number;
}

const SHARES = ['stuck', 'lie', 'hang', 'throw', 'reboot'] as const;
const LENGTHS = { slow: 'slowMs', flap: 'flapMs' } as const;

/** Reads `slow=200,clamp,stuck=0.1`. A share without a number is 1. */
export function parseMisbehaviour(text: string): Result<Misbehaviour> {
  let parsed: Misbehaviour = {};
  for (const part of text.split(',').filter((piece) => piece !== '')) {
    const [name = '', given] = part.split('=', 2);
    const value = given === undefined ? undefined : Number(given);
    if (name === 'clamp' && given === undefined) parsed = { ...parsed, clamp: true };
    else if (isLength(name) && value !== undefined && value > 0) parsed = { ...parsed, [LENGTHS[name]]: value };
    else if (isShare(name) && (given === undefined || (value !== undefined && value >= 0 && value <= 1))) {
      parsed = { ...parsed, [name]: value ?? 1 };
    } else {
      return fail(problem('invalid_request', `faults look like ${EXAMPLE}, not like "${part}"`, { at: '--faults' }));
    }
  }
  return ok(parsed);
}

const EXAMPLE = 'slow=200,flap=5000,clamp,stuck=0.1,lie=0.1,hang=0.05,throw=0.1,reboot=0.01';

function isLength(name: string): name is keyof typeof LENGTHS {
  return Object.hasOwn(LENGTHS, name);
}

function isShare(name: string): name is (typeof SHARES)[number] {
  return (SHARES as readonly string[]).includes(name);
}
