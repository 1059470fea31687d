import type { ShadowEvent } from '../core/reconcile/shadow-event.ts';
import { newestStampS } from '../core/reconcile/plan.ts';
import type { AcceptedPatch, DeviceView } from '../core/reconcile/view.ts';
import type { GetAccepted, ShadowMessage, UpdateAccepted } from '../protocol/shadow-messages.ts';

/** A parsed message as the event it means to the device, or undefined where it means nothing. */
export function eventOf(message: ShadowMessage): ShadowEvent | undefined {
  const { clientToken } = message;
  switch (message.kind) {
    case 'get/accepted':
      return { type: 'document', clientToken, view: viewOf(message), timestampS: message.timestamp };
    case 'get/rejected':
      return { type: 'get_rejected', clientToken, code: message.code };
    case 'update/accepted':
      return { type: 'accepted', patch: patchOf(message) };
    case 'update/delta':
      return { type: 'delta', clientToken, version: message.version };
    case 'update/rejected':
      return { type: 'update_rejected', clientToken, code: message.code, message: message.message };
    case 'delete/accepted':
      return { type: 'deleted', version: message.version };
    case 'update/documents':
    case 'delete/rejected':
      return undefined;
  }
}

function viewOf({ state, metadata, version }: GetAccepted): DeviceView {
  const { desired: stamps, reported: told } = metadata;
  const newestS = Math.max(newestStampS(stamps) ?? 0, newestStampS(told) ?? 0);
  return { version, desired: state.desired, stamps, reported: state.reported, newestS };
}

function patchOf({ state, metadata, version, clientToken, timestamp }: UpdateAccepted): AcceptedPatch {
  const cleared = state.cleared === true ? null : undefined;
  return {
    version,
    clientToken,
    desired: cleared ?? state.desired,
    reported: cleared ?? state.reported,
    stampS: newestStampS(metadata.desired) ?? timestamp,
  };
}
