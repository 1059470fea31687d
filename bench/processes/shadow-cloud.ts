import { openSimulator } from '../../simulators/simulator.ts';
import { answer, cpuMs, options, ready } from '../support/process.ts';

/** The local cloud with a shadow per thing already there. */
const { things, full, tls, data } = options<{
  things: number;
  full: string;
  tls?: { ca: string; cert: string; key: string };
  data?: string;
}>();
const opened = await openSimulator({
  ...(tls === undefined ? {} : { mqtts: { address: '127.0.0.1:0', ...tls } }),
  ...(data === undefined ? {} : { data }),
});
if (!opened.ok) throw new Error(opened.problem.message);
const { mqttUrl, mqttsUrl, httpUrl } = opened.value;
for (let index = 0; index < things; index++) {
  await fetch(`${httpUrl}/things/thing-${index}/shadow`, { method: 'POST', body: full });
}
ready({ mqttUrl: mqttsUrl ?? mqttUrl });
answer(cpuMs);
