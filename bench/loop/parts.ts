import { startChild } from '../support/child.ts';
import { HttpClient } from '../support/http.ts';
import { pace } from '../support/pace.ts';

export interface Paced {
  readonly latenciesMs: number[];
  readonly perSecond: number;
}

export interface Load {
  readonly count: number;
  readonly inFlight: number;
}

export const thingNames = (count: number): string[] => Array.from({ length: count }, (_, at) => `thing-${at}`);

/** The body of a command on one field. */
export const commandBody = (value: number): string => JSON.stringify({ desired: { targetC: value }, author: 'bench' });

/** One bare POST. */
export async function openPost(connections: number) {
  const server = await startChild<{ url: string }>('post-server');
  const http = new HttpClient(server.ready.url, connections);
  return {
    run: ({ count, inFlight }: Load): Promise<Paced> =>
      pace(Array.from({ length: count }), inFlight, async () => {
        await http.post('/v1/things/x/commands', commandBody(1));
      }),
    close: async () => {
      http.close();
      await server.stop();
    },
  };
}

/**
 * Four bare MQTT legs: app, broker, device, broker, app. `post`: behind a bare POST that is answered after the fourth.
 * `journey`: the same with a sync before the first leg and one after the fourth, where the loop commits, in groups as there.
 */
export async function openRelay(devices: number) {
  const things = thingNames(devices);
  const broker = await startChild<{ url: string }>('relay-broker');
  const { url } = broker.ready;
  const fleet = await startChild('relay-devices', { url, things });
  const app = await startChild<{ url: string }>('relay-app', { url, things });
  const http = new HttpClient(app.ready.url, devices);
  const posted = ({ count, inFlight }: Load, path: string): Promise<Paced> =>
    pace(Array.from({ length: count }), inFlight, async (_, worker) => {
      await http.post(`/v1/things/${things[worker] ?? ''}/${path}`, commandBody(1));
    });
  return {
    processes: {
      server: app.process.pid,
      devices: fleet.process.pid,
      'broker and shadow service': broker.process.pid,
      caller: process.pid,
    },
    run: (load: Load): Promise<Paced> => app.ask<Paced>(load),
    post: (load: Load): Promise<Paced> => posted(load, 'commands'),
    journey: (load: Load): Promise<Paced> => posted(load, 'commands?durable'),
    close: async () => {
      http.close();
      await app.stop();
      await fleet.stop();
      await broker.stop();
    },
  };
}

/** The hand-written poller on the SDK's shadow client, against the same local cloud. */
export async function openNaive(devices: number, pollMs: number) {
  const things = thingNames(devices);
  const cloud = await startChild<{ mqttUrl: string }>('simulator');
  const url = cloud.ready.mqttUrl;
  const fleet = await startChild('naive-device', { url, things });
  const app = await startChild('naive-app', { url, things, pollMs });
  return {
    run: (load: Load): Promise<Paced & { failed: number }> => app.ask(load),
    close: async () => {
      await app.stop();
      await fleet.stop();
      await cloud.stop();
    },
  };
}
