import type { CommandId } from '../../src/core/brand.ts';
import type { MakeChecker } from './checker.ts';

/**
 * I17: one idempotency key stands for one command: the same request gives the same command however often and however
 * unluckily it is sent, another request under the same key is refused as such.
 */
export const idempotentApi: MakeChecker = ({ violated }) => {
  const commands = new Map<string, { id: CommandId; fingerprint: string }>();
  return {
    see(_atMs, sighting) {
      if (sighting.type !== 'created') return;
      const { request, command, problem } = sighting;
      if (request.idempotency === undefined) return;
      const { key, fingerprint } = request.idempotency;
      const known = commands.get(key);
      if (problem === 'idempotency_mismatch' && known !== undefined && known.fingerprint === fingerprint) {
        violated(`the same request under key ${key} was called another one`);
      }
      if (command === undefined) return;
      if (known === undefined) commands.set(key, { id: command.id, fingerprint });
      else if (known.fingerprint !== fingerprint) violated(`another request under key ${key} was accepted`);
      else if (known.id !== command.id) violated(`key ${key} made two commands: ${known.id} and ${command.id}`);
    },
  };
};
