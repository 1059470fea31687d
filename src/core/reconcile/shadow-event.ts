import type { ClientToken } from '../brand.ts';
import type { PassOutcome } from './shadow-state.ts';
import type { AcceptedPatch, DeviceView } from './view.ts';

/** What can happen to the conversation over one shadow. */
export type ShadowEvent =
  /** Connected, and every subscription acknowledged. */
  | { readonly type: 'up' }
  | { readonly type: 'down' }
  | {
      readonly type: 'document';
      readonly clientToken?: ClientToken | undefined;
      readonly view: DeviceView;
      /** Whole seconds of service time. */
      readonly timestampS?: number | undefined;
    }
  | { readonly type: 'get_rejected'; readonly clientToken?: ClientToken | undefined; readonly code: number }
  | { readonly type: 'accepted'; readonly patch: AcceptedPatch }
  | { readonly type: 'delta'; readonly version: number; readonly clientToken?: ClientToken | undefined }
  | {
      readonly type: 'update_rejected';
      readonly clientToken?: ClientToken | undefined;
      readonly code: number;
      readonly message: string;
    }
  | { readonly type: 'deleted'; readonly version: number }
  | { readonly type: 'pass_ended'; readonly outcome: PassOutcome }
  /** A state adapter says that the hardware changed by itself or by hand. */
  | { readonly type: 'local_change' }
  /** An adapter's call that outlasted its pass has finished. */
  | { readonly type: 'call_settled' }
  | { readonly type: 'tick' }
  | { readonly type: 'stop' };
