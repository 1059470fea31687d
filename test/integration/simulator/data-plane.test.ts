import {
  DeleteThingShadowCommand,
  GetThingShadowCommand,
  IoTDataPlaneClient,
  ListNamedShadowsForThingCommand,
  PublishCommand,
  UpdateThingShadowCommand,
} from '@aws-sdk/client-iot-data-plane';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../../simulators/testing.ts';
import { MqttProbe } from '../../support/mqtt-probe.ts';

let cloud: Simulator;
let client: IoTDataPlaneClient;
let probe: MqttProbe;

beforeAll(async () => {
  cloud = await startSimulator();
  client = new IoTDataPlaneClient({
    endpoint: cloud.httpUrl,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
  probe = await MqttProbe.connect(cloud.mqttUrl);
});

beforeEach(() => {
  cloud.control.reset();
  probe.heard.splice(0);
});

afterAll(async () => {
  await probe.end();
  client.destroy();
  await cloud.stop();
});

const json = (payload: Uint8Array | undefined) => JSON.parse(Buffer.from(payload ?? []).toString()) as unknown;
const body = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

describe.each([
  { title: 'the classic shadow', thingName: 'sdk-classic' },
  { title: 'a named shadow', thingName: 'sdk:named', shadowName: '$eco' },
])('the AWS SDK on $title', ({ thingName, shadowName }) => {
  const ref = { thingName, ...(shadowName === undefined ? {} : { shadowName }) };
  const prefix = `$aws/things/${thingName}/shadow${shadowName === undefined ? '' : `/name/${shadowName}`}`;

  test('gets, updates, conflicts and deletes, with the exceptions of AWS', async () => {
    await probe.subscribe(`${prefix}/update/+`, `${prefix}/get/+`, `${prefix}/delete/+`);
    await expect(client.send(new GetThingShadowCommand(ref))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: `No shadow exists with name: '${shadowName ?? thingName}'`,
      $metadata: { httpStatusCode: 404 },
    });

    const update = { state: { desired: { a: 1 } }, clientToken: 'tok' };
    const updated = await client.send(new UpdateThingShadowCommand({ ...ref, payload: body(update) }));
    expect(json(updated.payload)).toMatchObject({ ...update, version: 1 });

    const read = await client.send(new GetThingShadowCommand(ref));
    expect(json(read.payload)).toMatchObject({ state: { desired: { a: 1 }, delta: { a: 1 } }, version: 1 });

    const stale = { state: { reported: { a: 1 } }, version: 9 };
    await expect(client.send(new UpdateThingShadowCommand({ ...ref, payload: body(stale) }))).rejects.toMatchObject({
      name: 'ConflictException',
      message: 'Version conflict',
    });
    await expect(client.send(new UpdateThingShadowCommand({ ...ref, payload: body('{') }))).rejects.toMatchObject({
      name: 'InvalidRequestException',
      message: 'Payload contains invalid json',
    });
    await expect(
      client.send(
        new UpdateThingShadowCommand({ ...ref, payload: body({ state: { desired: { text: 'x'.repeat(9000) } } }) }),
      ),
    ).rejects.toMatchObject({ name: 'RequestEntityTooLargeException' });

    const deleted = await client.send(new DeleteThingShadowCommand(ref));
    expect(json(deleted.payload)).toMatchObject({ version: 1 });

    // What HTTP changed, MQTT tells; HTTP errors and reads are the caller's alone (R81).
    expect(await probe.body(`${prefix}/update/delta`)).toMatchObject({ state: { a: 1 }, clientToken: 'tok' });
    expect(await probe.body(`${prefix}/update/documents`)).toMatchObject({ current: { version: 1 } });
    expect(await probe.body(`${prefix}/update/accepted`)).toMatchObject({ clientToken: 'tok' });
    expect(await probe.body(`${prefix}/delete/accepted`)).toMatchObject({ version: 1 });
    const kinds = probe.heard.filter(({ topic }) => topic.startsWith(prefix)).map(({ topic }) => topic);
    expect(kinds.filter((topic) => topic.endsWith('/rejected') || topic.includes('/get/'))).toEqual([]);
  });
});

test('named shadows are listed in pages, the classic one never', async () => {
  const thingName = 'many';
  await client.send(new UpdateThingShadowCommand({ thingName, payload: body({ state: {} }) }));
  const names = Array.from({ length: 7 }, (_, index) => `s${index}`);
  for (const shadowName of names) {
    await client.send(new UpdateThingShadowCommand({ thingName, shadowName, payload: body({ state: {} }) }));
  }
  const found: string[] = [];
  let nextToken: string | undefined;
  let pages = 0;
  do {
    const page = await client.send(
      new ListNamedShadowsForThingCommand({ thingName, pageSize: 3, ...(nextToken ? { nextToken } : {}) }),
    );
    found.push(...(page.results ?? []));
    nextToken = page.nextToken;
    pages += 1;
  } while (nextToken !== undefined);
  expect(found).toEqual(names);
  expect(pages).toBe(3);
  const none = await client.send(new ListNamedShadowsForThingCommand({ thingName: 'nobody' }));
  expect(none).toMatchObject({ results: [], timestamp: expect.any(Number) as number });
});

test('a message published by HTTP is handled as if a client had published it', async () => {
  await probe.subscribe('$aws/things/by-http/shadow/update/accepted');
  const payload = body({ state: { reported: { b: 2 } } });
  await client.send(new PublishCommand({ topic: '$aws/things/by-http/shadow/update', payload, qos: 1 }));
  expect(await probe.body('$aws/things/by-http/shadow/update/accepted')).toMatchObject({ version: 1 });
});

test.each<[string, string, number, string]>([
  ['PUT', '/things/heater/shadow', 405, 'MethodNotAllowedException'],
  ['GET', '/things/bad.name/shadow', 400, 'InvalidRequestException'],
  ['GET', '/things/heater/shadow?name=', 400, 'InvalidRequestException'],
  ['GET', '/things/%zz/shadow', 400, 'InvalidRequestException'],
  ['GET', '/api/things/shadow/ListNamedShadowsForThing/heater?pageSize=0', 400, 'InvalidRequestException'],
  ['GET', '/api/things/shadow/ListNamedShadowsForThing/heater?nextToken=%20', 400, 'InvalidRequestException'],
  ['GET', '/elsewhere', 404, 'ResourceNotFoundException'],
])('%s %s is refused with %i %s', async (method, path, code, exception) => {
  const response = await fetch(`${cloud.httpUrl}${path}`, { method });
  expect(response.status).toBe(code);
  expect(response.headers.get('x-amzn-errortype')).toBe(exception);
  expect(await response.json()).toMatchObject({ message: expect.any(String) as string });
});
