import type { ShadowEvent } from '../core/reconcile/shadow-event.ts';
import { newestStampS } from '../core/reconcile/plan.ts';
import type { AcceptedPatch, DeviceView } from '../core/reconcile/view.ts';
import type { GetAccepted, ShadowMessage, UpdateAccepted } from '../protocol/shadow-messages.ts';

/** A parsed message as the event it means to the device, or undefined where it means nothing. */
export function eventOf(message: ShadowMessage): ShadowEvent | undefined {
  const token = message.clientToken === undefined ? {} : { clientToken: message.clientToken };
  switch (message.kind) {
    case 'get/accepted':
      return {
        type: 'document',
        ...token,
        view: viewOf(message),
        ...(message.timestamp === undefined ? {} : { timestampS: message.timestamp }),
      };
    case 'get/rejected':
      return { type: 'get_rejected', ...token, code: message.code };
    case 'update/accepted':
      return { type: 'accepted', patch: patchOf(message) };
    case 'update/delta':
      return { type: 'delta', ...token, version: message.version };
    case 'update/rejected':
      return { type: 'update_rejected', ...token, code: message.code, message: message.message };
    case 'delete/accepted':
      return { type: 'deleted', version: message.version };
    case 'update/documents':
    case 'delete/rejected':
      return undefined;
  }
}

function viewOf({ state, metadata, version }: GetAccepted): DeviceView {
  return {
    version,
    ...(state.desired === undefined ? {} : { desired: state.desired }),
    ...(metadata.desired === undefined ? {} : { stamps: metadata.desired }),
    ...(state.reported === undefined ? {} : { reported: state.reported }),
  };
}

function patchOf({ state, metadata, version, clientToken, timestamp }: UpdateAccepted): AcceptedPatch {
  const both = state.cleared === true ? { desired: null, reported: null } : state;
  const stampS = newestStampS(metadata.desired) ?? timestamp;
  return {
    version,
    ...(clientToken === undefined ? {} : { clientToken }),
    ...(both.desired === undefined ? {} : { desired: both.desired }),
    ...(both.reported === undefined ? {} : { reported: both.reported }),
    ...(stampS === undefined ? {} : { stampS }),
  };
}
