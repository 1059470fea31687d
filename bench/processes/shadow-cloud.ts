import { openSimulator } from '../../simulators/simulator.ts';
import { answer, options, ready } from '../support/process.ts';

/** The local cloud with a shadow per thing already there. */
const { things, full } = options<{ things: number; full: string }>();
const opened = await openSimulator();
if (!opened.ok) throw new Error(opened.problem.message);
const { mqttUrl, httpUrl } = opened.value;
for (let index = 0; index < things; index++) {
  await fetch(`${httpUrl}/things/thing-${index}/shadow`, { method: 'POST', body: full });
}
ready({ mqttUrl });
answer(() => {
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1000 };
});
