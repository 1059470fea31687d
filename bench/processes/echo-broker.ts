import { answer as answers, options, ready } from '../support/process.ts';
import { Broker } from '../../simulators/broker/broker.ts';

// The floor of the shadow service: the same broker answers each update with a fixed text of the same length. No JSON, no
// state, no decision.
const { answer, tls } = options<{ answer: string; tls?: { ca: string; cert: string; key: string } }>();
const broker: Broker = await Broker.open({
  published: ({ topic }) => {
    if (topic.endsWith('/shadow/update')) broker.publish(`${topic}/accepted`, answer);
  },
});
const secured = tls && { ...tls, requestCert: true, rejectUnauthorized: true };
const port = await broker.listen({ host: '127.0.0.1', port: 0 }, secured);
if (!port.ok) throw new Error(port.problem.message);
ready({ mqttUrl: `mqtt://127.0.0.1:${port.value}` });
answers(() => ({ cpuMs: cpuMs() }));

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
