import { FileJournal } from '../../src/adapters/file/journal.ts';
import { MemoryJournal } from '../../src/adapters/memory/journal.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { describeJournal } from './journal.ts';

describeJournal('file', () => {
  const folder = temporaryFolder();
  return { open: () => new FileJournal(folder.path('state/journal.log')), close: () => folder.remove() };
});

describeJournal('memory', () => {
  const journal = new MemoryJournal();
  return { open: () => journal, close: () => undefined };
});
