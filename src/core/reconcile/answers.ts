import type { FieldPointer } from '../brand.ts';
import type { FieldValue } from '../model/model.ts';

/** What a state adapter read. `by`: who set the value at the device, where the adapter knows (`panel`, `remote`). */
export type FieldReading =
  | (FieldValue & { readonly by?: string })
  | { readonly field: FieldPointer; readonly unreadable: { readonly code: string; readonly message: string } };

/**
 * What a state adapter did with one change.
 *
 * applied   done; the read-back decides whether it is true
 * refused   final for this value: the hardware cannot or must not do it
 * failed    may work later: retried with backoff
 * deferred  accepted, takes effect at a restart or in a window
 */
export type FieldApplied =
  | { readonly field: FieldPointer; readonly result: 'applied' }
  | {
      readonly field: FieldPointer;
      readonly result: 'refused' | 'failed';
      readonly code: string;
      readonly message: string;
    }
  | {
      readonly field: FieldPointer;
      readonly result: 'deferred';
      readonly until: 'restart' | 'window';
      readonly message?: string;
    };
