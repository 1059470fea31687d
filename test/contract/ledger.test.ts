import { openSqliteLedger, type SqliteLedger } from '../../src/adapters/sqlite/sqlite-ledger.ts';
import { MemoryLedger } from '../../simulators/ledger/memory-ledger.ts';
import { got } from '../support/ledger-fixtures.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { describeLedger } from './ledger.ts';

describeLedger('SQLite', async () => {
  const folder = temporaryFolder();
  const path = folder.path('ledger.sqlite');
  let ledger: SqliteLedger = await got(openSqliteLedger({ path }));
  return {
    ledger,
    reopen: async () => {
      await ledger.close();
      ledger = await got(openSqliteLedger({ path }));
      return ledger;
    },
    dispose: async () => {
      await ledger.close();
      folder.remove();
    },
  };
});

describeLedger('memory', async () => {
  const ledger = new MemoryLedger();
  return { ledger, reopen: async () => ledger.reopen(), dispose: () => ledger.close() };
});
