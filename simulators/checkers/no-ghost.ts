import { isJsonObject, member, type JsonObject, type JsonValue } from '../../src/core/json/json.ts';
import { parseShadowTopic } from '../../src/protocol/topics.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { MakeChecker } from './checker.ts';
import type { SequenceNumber } from '../../src/core/direct/messages.ts';
import { requestOnWire } from './direct-wire.ts';
import { same } from './service-history.ts';

/**
 * I6: what the server puts on the wire is in its ledger first, durably and with this very content; it writes desired only,
 * and never deletes; what must be guarded carries its version. A device writes desired only to adopt a local change, guarded by a version.
 * A request for an action is in the ledger, too; a device answers for itself.
 */
export const noGhost: MakeChecker = ({ durableWrite, durableDirects, things, violated }) => {
  const members = new Set<string>(things.flatMap(({ kind, thingName }) => (kind === 'member' ? [thingName] : [])));
  return {
    see(_atMs, sighting) {
      if (sighting.type !== 'wire') return;
      const { client, topic, payload } = sighting;
      if (client !== SERVER && !members.has(client)) return;
      if (client === SERVER && topic.startsWith('cmd/')) {
        const request = requestOnWire(sighting);
        const parts = durableDirects(request?.id ?? '');
        const isToAll = request?.group !== undefined && topic === `cmd/groups/${request.group}/req`;
        const [command] = [...parts.values()].filter(({ ref }) => isToAll || topic === `cmd/${ref.thingName}/req`);
        if (request === undefined || command === undefined) {
          return violated(`no direct command in the ledger for ${payload}`);
        }
        const { name, args, sequence, group } = command;
        const place = request.group === group?.name;
        const isSame = request.name === name && same(request.args, args) && sameNumber(request.sequence, sequence);
        if (!place || !isSame) {
          violated(`on the wire to ${topic} ${payload}, in the ledger ${JSON.stringify(command)}`);
        }
        return;
      }
      if (topic === `cmd/${client}/resp`) return;
      const parsed = parseShadowTopic(topic);
      if (parsed === undefined) return violated(`${client} published to ${topic}`);
      if (parsed.kind === 'get') return;
      if (parsed.kind !== 'update') return violated(`${client} asked for ${parsed.kind} of ${topic}`);
      const body = JSON.parse(payload) as JsonObject;
      const state = member(body, 'state');
      const desired = isJsonObject(state) ? member(state, 'desired') : undefined;
      if (client !== SERVER) {
        if (desired !== undefined && typeof member(body, 'version') !== 'number') {
          violated(`${client} wrote desired without a guard: ${payload}`);
        }
        return;
      }
      if (isJsonObject(state) && Object.hasOwn(state, 'reported')) violated(`the server reported: ${payload}`);
      const token = member(body, 'clientToken');
      const write = typeof token === 'string' ? durableWrite(token) : undefined;
      if (write === undefined) return violated(`no write in the ledger for ${payload}`);
      const guarded = write.ifVersion !== undefined || write.purpose === 'restore' || write.purpose === 'withdraw';
      if (guarded && typeof member(body, 'version') !== 'number') {
        violated(`an unguarded ${write.purpose} on the wire: ${payload}`);
      }
      if (desired !== undefined && !same(desired, write.patch as JsonValue)) {
        violated(`on the wire ${payload}, in the ledger ${JSON.stringify(write.patch)}`);
      }
    },
  };
};

function sameNumber(left: SequenceNumber | undefined, right: SequenceNumber | undefined): boolean {
  return left?.key === right?.key && left?.number === right?.number;
}
