import type { CommandId } from '../../src/core/brand.ts';
import type { Command } from '../../src/core/command/command.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import type { MakeChecker } from './checker.ts';
import { writtenAt } from './evidence.ts';
import { desiredOf, same, touchesDesired } from './service-history.ts';

/**
 * I11: a conditional command is stored only if none of its fields changed since the version it names. A superseded field
 * names a successor that exists and came later. Two commands never both have the last word on a field.
 */
export const noLostUpdate: MakeChecker = ({ history, violated }) => {
  const commands = new Map<CommandId, Command>();
  let ended = false;
  return {
    see(_atMs, sighting) {
      if (sighting.type === 'phase' && sighting.phase === 'end') ended = true;
      if (sighting.type !== 'looked' || sighting.command === undefined) return;
      const { command } = sighting;
      commands.set(command.id, command);
      const key = shadowKey(command.ref);
      const revisions = history.of(key);
      const at = writtenAt(command, { history });
      const written = revisions[at];
      const { ifVersion } = command.policy;
      if (ifVersion !== undefined && written !== undefined && command.versionFrom === 'accepted') {
        const from = history.indexOf(key, ifVersion, written.incarnation);
        const between = from < 0 ? [] : revisions.slice(from, at);
        for (const { field } of command.fields) {
          const first = between[0];
          if (first === undefined) continue;
          const changed = between.some((one) => !same(desiredOf(one, field), desiredOf(first, field)));
          if (changed) violated(`command ${command.id} was stored although ${field} changed after v${ifVersion}`);
        }
      }
      if (!ended) return;
      for (const { field, state } of command.fields) {
        if (state.outcome !== 'superseded') continue;
        const { by } = state;
        if (by.kind === 'foreign') {
          const revision = revisions[history.indexOf(key, by.version, undefined)];
          if (revision !== undefined && !touchesDesired(revision, field)) {
            violated(`command ${command.id} ${field}: superseded by v${by.version}, which did not touch it`);
          }
        }
        if (by.kind === 'command') {
          if (by.commandId === command.id) violated(`command ${command.id} ${field}: superseded by itself`);
          const successor = commands.get(by.commandId);
          const older =
            successor?.version !== undefined &&
            command.version !== undefined &&
            successor.incarnation === command.incarnation &&
            successor.version < command.version;
          if (older) {
            violated(`command ${command.id} at v${command.version} ${field}: superseded by v${successor.version}`);
          }
        }
      }
    },
  };
};
