import type { EpochMs } from './brand.ts';

const TWO_DIGITS = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'));
const THREE_DIGITS = Array.from({ length: 1_000 }, (_, number) => String(number).padStart(3, '0'));
const DAY_MS = 86_400_000;
/** From here on a year has five digits. */
const YEAR_10000 = 253_402_300_800_000;

/**
 * An instant as RFC 3339 text in UTC with milliseconds, letter for letter as `Date.toISOString` gives it. Pages of rows
 * hold hundreds of them, and that one takes three times as long.
 *
 * Errors   A `RangeError` for what is no instant of a `Date`.
 */
export function instantText(at: EpochMs): string {
  if (!(at >= 0 && at < YEAR_10000 && Number.isInteger(at))) return new Date(at).toISOString();
  const days = Math.floor(at / DAY_MS);
  const ms = at - days * DAY_MS;
  const seconds = Math.floor(ms / 1_000);
  const clock = `${TWO_DIGITS[Math.floor(seconds / 3_600)]}:${TWO_DIGITS[Math.floor(seconds / 60) % 60]}:${TWO_DIGITS[seconds % 60]}`;
  return `${dateText(days)}T${clock}.${THREE_DIGITS[ms % 1_000]}Z`;
}

/** Years begin in March here, so that the leap day is their last: months then have lengths that a line gives. */
function dateText(daysSince1970: number): string {
  const day = daysSince1970 + 719_468;
  const era = Math.floor(day / 146_097);
  const ofEra = day - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const sinceMarch = Math.floor((5 * ofYear + 2) / 153);
  const ofMonth = ofYear - Math.floor((153 * sinceMarch + 2) / 5) + 1;
  const month = sinceMarch < 10 ? sinceMarch + 3 : sinceMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${year}-${TWO_DIGITS[month]}-${TWO_DIGITS[ofMonth]}`;
}
