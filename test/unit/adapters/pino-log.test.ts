import { expect, test } from 'vitest';
import { pinoLog, type LogLevel } from '../../../src/adapters/pino/log.ts';

function capture(level: LogLevel = 'debug') {
  const lines: string[] = [];
  const log = pinoLog({ level, destination: { write: (line: string) => void lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? 'null') as Record<string, unknown> };
}

test('a line is one JSON object with level, time, message and fields, those of `with` included', () => {
  const { log, last } = capture();
  log.with({ thingName: 'pump' }).with({ attempt: 2 }).warn({ version: 7 }, 'delta received');
  const { time, ...rest } = last();
  expect(rest).toEqual({ level: 'warn', thingName: 'pump', attempt: 2, version: 7, msg: 'delta received' });
  expect(new Date(String(time)).toISOString()).toBe(time);
});

test('lines below the level are not written', () => {
  const { log, lines } = capture('warn');
  log.debug({}, 'a');
  log.info({}, 'b');
  log.warn({}, 'c');
  log.error({}, 'd');
  expect(lines).toHaveLength(2);
});

test.each<[string, Record<string, unknown>]>([
  ['at the top', { password: 'CANARY' }],
  ['four levels down', { a: { b: { c: { TOKEN: 'CANARY' } } } }],
  ['in a list', { list: [{ apiKey: 'CANARY' }] }],
  ['as a header of a failed request', { error: Object.assign(new Error('x'), { code: { authorization: 'CANARY' } }) }],
  ['in the text of an error', { error: new Error('refused http://user:CANARY@host/') }],
  ['in the cause of an error', { error: new Error('a', { cause: new Error('Authorization: Bearer CANARY') }) }],
  ['as a private key', { text: '-----BEGIN RSA PRIVATE KEY-----\nCANARY\n-----END RSA PRIVATE KEY-----' }],
  ['as bytes', { payload: new TextEncoder().encode('CANARY') }],
])('a secret %s does not reach the line', (_, fields) => {
  const { log, lines } = capture();
  log.info(fields, 'something happened');
  log.with(fields).info({}, 'something happened');
  expect(lines.join('')).not.toContain('CANARY');
});

test('client tokens and other identifiers stay readable', () => {
  const { log, last } = capture();
  log.info({ clientToken: 'sr1-1', keepAliveSeconds: 30, token: undefined }, 'sent');
  expect(last()).toMatchObject({ clientToken: 'sr1-1', keepAliveSeconds: 30 });
});

test('E-09, E-10: what a device chose cannot forge a line, flood it or break it', () => {
  const { log, lines } = capture();
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  log.info({ name: 'a\u2028{"level":"error"}\u202e\n\u001b[2J', long: 'x'.repeat(1e6), cycle, big: 1n }, 'parsed');
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toMatch(/[\u2028\u202e\u001b]/);
  expect(lines[0]?.length).toBeLessThan(3_000);
  expect(() => JSON.parse(lines[0] ?? '') as unknown).not.toThrow();
});

test.each<[LogLevel, boolean]>([
  ['info', false],
  ['debug', true],
])('at level %s a cause has its code and text, and its stack: %s', (level, stack) => {
  const { log, last } = capture(level);
  const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  log.warn({ problem: { code: 'server_unreachable', cause } }, 'attempt failed');
  const shown = (last()['problem'] as { cause: Record<string, unknown> }).cause;
  expect(shown).toMatchObject({ code: 'ECONNREFUSED', message: 'refused' });
  expect('stack' in shown).toBe(stack);
});
