import { ackDurable } from './ack-durable.ts';
import { atMostOnce } from './at-most-once.ts';
import { bounded } from './bounded.ts';
import type { MakeChecker } from './checker.ts';
import { deadlineTruth } from './deadline-truth.ts';
import { directVerdict } from './direct-verdict.ts';
import { drained } from './drained.ts';
import { eventStream } from './event-stream.ts';
import { idempotentApi } from './idempotent-api.ts';
import { inTime } from './in-time.ts';
import { legalStates } from './legal-states.ts';
import { noGhost } from './no-ghost.ts';
import { noLostUpdate } from './no-lost-update.ts';
import { noSilentDrop } from './no-silent-drop.ts';
import { noStaleApply } from './no-stale-apply.ts';
import { quiescent } from './quiescent.ts';
import { readYourWrites } from './read-your-writes.ts';
import { recover } from './recover.ts';
import { reportTruth } from './report-truth.ts';
import { sequenceOrder } from './sequence-order.ts';
import { successEvidence } from './success-evidence.ts';
import { versionOrder } from './version-order.ts';

/**
 * By the names of the invariants. I1 (converge) is the world's own question at the end of a run, I12 (isolation) follows
 * from I1 under broken adapters and poison and from handlers that never throw, I18 (replay) is a test over whole runs.
 */
export const CHECKERS: Readonly<Record<string, MakeChecker>> = {
  'I2 NoStaleApply': noStaleApply,
  'I3 ReportTruth': reportTruth,
  'I4 AtMostOnceEffect': atMostOnce,
  'I5 AckDurable': ackDurable,
  'I6 NoGhost': noGhost,
  'I7 LegalStates': legalStates,
  'I8 SuccessEvidence': successEvidence,
  'I9 DeadlineTruth': deadlineTruth,
  'I10 Version': versionOrder,
  'I11 NoLostUpdate': noLostUpdate,
  'I13 Bounded': bounded,
  'I14 Quiescent': quiescent,
  'I15 NoSilentDrop': noSilentDrop,
  'I17 IdempotentApi': idempotentApi,
  'I19 Recover': recover,
  'I20 ReadYourWrites': readYourWrites,
  'I21 Stream': eventStream,
  'I23 SequenceOrder': sequenceOrder,
  'I24 InTime': inTime,
  'I25 DirectVerdict': directVerdict,
  'I26 Drained': drained,
};
