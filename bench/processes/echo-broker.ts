import { answer as answers, ready } from '../support/process.ts';
import { Broker } from '../../simulators/broker/broker.ts';

// The floor of the shadow service: the same broker answers each update with a fixed text of the same length. No JSON, no
// state, no decision.
const answer = process.argv[2] === undefined ? '' : (JSON.parse(process.argv[2]) as { answer: string }).answer;
const broker: Broker = await Broker.open({
  published: ({ topic }) => {
    if (topic.endsWith('/shadow/update')) broker.publish(`${topic}/accepted`, answer);
  },
});
const port = await broker.listen({ host: '127.0.0.1', port: 0 });
if (!port.ok) throw new Error(port.problem.message);
ready({ mqttUrl: `mqtt://127.0.0.1:${port.value}` });
answers(() => ({ cpuMs: cpuMs() }));

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
