import { uuidV7Source } from '../core/uuid.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';

/** UUIDv7s that rise one by one inside this process. */
export class Ids {
  readonly next: () => string;

  constructor(clock: Clock, random: Random) {
    this.next = uuidV7Source(
      () => clock.wall(),
      (count) => random.bytes(count),
    );
  }
}
