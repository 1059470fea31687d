// Commits without end and prints the number of each commit once it is durable; killed by its parent.
// Every commit is a command, two timeline lines and a write, so that a torn one would show.
import { openSqliteLedger } from '../../dist/src/adapters/sqlite/sqlite-ledger.js';

const [path, start, lanes] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const opened = await openSqliteLedger({ path });
if (!opened.ok) {
  process.stderr.write(JSON.stringify({ code: opened.problem.code, message: opened.problem.message }));
  process.exit(2);
}
const ledger = opened.value;
process.stdout.write('open\n');
let number = start;

const id = (kind, n) => `${kind}0000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
const ref = { thingName: 'heater-1' };

async function lane() {
  for (;;) {
    const n = number++;
    const command = {
      id: id('0198', n),
      kind: 'shadow',
      ref,
      author: 'app',
      createdAt: n,
      patch: { n },
      fields: [],
      policy: { applyWithinMs: 1, expiresAt: n, whenOffline: 'wait', onEnd: 'keep' },
      status: 'queued',
      clock: { leftMs: 1 },
      revision: 1,
    };
    const entry = { commandId: command.id, at: n, by: 'app', event: 'created', status: 'queued', patch: [] };
    const result = await ledger.commit([
      { type: 'timeline', entry },
      { type: 'command', command },
      {
        type: 'write',
        write: {
          id: id('0199', n),
          ref,
          purpose: 'commands',
          commandIds: [command.id],
          patch: {},
          attempt: 1,
          createdAt: n,
          state: 'open',
        },
      },
      { type: 'timeline', entry },
    ]);
    if (!result.ok) throw new Error(result.problem.message);
    process.stdout.write(`${n}\n`);
  }
}
await Promise.all(Array.from({ length: lanes }, lane));
