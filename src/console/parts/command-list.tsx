import type { JSX } from 'preact';
import type { CommandView } from '../../http/views/command.ts';
import type {} from '../api.ts';
import { commandHref, thingHref } from '../router.ts';
import { Ago, TableRegion, Text, Value, VerdictBadge } from './basics.tsx';

/** Commands, newest first. `withShadow` where they are of many shadows. */
export function CommandList({
  commands,
  withShadow,
}: {
  commands: readonly CommandView[];
  withShadow: boolean;
}): JSX.Element {
  if (commands.length === 0) return <p class="quiet">No commands.</p>;
  return (
    <TableRegion label="Commands">
      <thead>
        <tr>
          <th scope="col">Verdict</th>
          {withShadow ? <th scope="col">Shadow</th> : null}
          <th scope="col">Asked for</th>
          <th scope="col">By</th>
          <th scope="col">When</th>
        </tr>
      </thead>
      <tbody>
        {commands.map((command) => (
          <tr key={command.id}>
            <td>
              <a href={commandHref(command.id)}>
                <VerdictBadge verdict={command.verdict} status={command.status} />
              </a>
            </td>
            {withShadow ? (
              <td>
                <a href={thingHref(command)}>
                  <Text>{command.shadow}</Text>
                </a>
              </td>
            ) : null}
            <td>
              {command.kind === 'direct' ? (
                <>
                  <code>
                    <Text>{command.name}</Text>
                  </code>{' '}
                  <Value value={command.args} />
                </>
              ) : (
                command.fields.map(({ field, desired }) => (
                  <div key={field}>
                    <code>
                      <Text>{field}</Text>
                    </code>{' '}
                    = <Value value={desired} />
                  </div>
                ))
              )}
            </td>
            <td>
              <Text>{command.author}</Text>
            </td>
            <td>
              <Ago at={command.createdAt} />
            </td>
          </tr>
        ))}
      </tbody>
    </TableRegion>
  );
}
