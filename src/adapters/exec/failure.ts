import type { JsonValue } from '../../core/json/json.ts';
import { parseJsonText } from '../../protocol/json-text.ts';
import type { Ended } from './run-program.ts';

/** The program's own words: `{"code":…,"message":…}` as its last line on stderr, or that line as it is. */
export function failureOf(ended: Ended): { code: string; message: string } {
  if (ended.type === 'timeout') return { code: 'program_timeout', message: 'the program did not finish in time' };
  if (ended.type === 'missing') return { code: 'program_missing', message: ended.message };
  const last = ended.stderr.trim().split('\n').at(-1) ?? '';
  const said = parseJsonText(last);
  if (said.ok && typeof said.value === 'object' && said.value !== null && 'code' in said.value) {
    const { code, message } = said.value as { code: JsonValue; message?: JsonValue };
    return { code: String(code), message: typeof message === 'string' ? message : last };
  }
  const how = ended.type === 'killed' ? `killed by ${ended.signal}` : `exit code ${ended.code}`;
  const code = ended.type === 'killed' ? 'program_killed' : `exit_${ended.code}`;
  return { code, message: last === '' ? how : last };
}
