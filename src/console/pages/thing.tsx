import type { JSX } from 'preact';
import { DIRECT_PLACE } from '../../core/direct/place.ts';
import type { CommandView } from '../../http/views/command.ts';
import type { DriftView } from '../../http/views/drift.ts';
import type { PageView } from '../../http/views/parts.ts';
import type { ShadowExplanationView, ShadowView, ThingView } from '../../http/views/shadow.ts';
import { get, paths } from '../api.ts';
import { useLoad } from '../load.ts';
import { Ago, Failure, Json, PresenceBadge, Text } from '../parts/basics.tsx';
import { CommandList } from '../parts/command-list.tsx';
import { FieldTable } from '../parts/field-table.tsx';
import { SetForm } from '../parts/set-form.tsx';
import { Pager } from '../parts/pager.tsx';
import { place, thingHref } from '../router.ts';

/** Everything about one thing: who it is, what was asked, what it says, what stands in the way, what you can do. */
export function ThingPage({ thingName }: { thingName: string }): JSX.Element {
  const { name, cursor } = place.value.query;
  const thing = useLoad(`thing ${thingName}`, () => get<ThingView>(paths.thing(thingName)));
  // Actions stand beside the shadows: what was done to a device is asked for as often as what was set.
  const onActions = name === DIRECT_PLACE;
  const asked = {
    thing: thingName,
    name: DIRECT_PLACE,
    limit: onActions ? 20 : 5,
    cursor: onActions ? cursor : undefined,
  };
  const actions = useLoad(`actions ${JSON.stringify(asked)}`, () => get<PageView<CommandView>>('/v1/commands', asked));
  return (
    <>
      <h1 tabIndex={-1}>
        <Text>{thingName}</Text>
      </h1>
      <Failure problem={thing.problem} />
      {thing.value === undefined ? null : (
        <p class="lead">
          <PresenceBadge state={thing.value.presence.state} since={thing.value.presence.since} />
        </p>
      )}
      <Tabs thing={thing.value} thingName={thingName} name={name} withActions={hasSome(actions.value)} />
      {onActions ? null : <Shadow key={name ?? ''} thingName={thingName} name={name} cursor={cursor} />}
      {onActions || hasSome(actions.value) ? (
        <>
          <h2>Actions</h2>
          <Failure problem={actions.problem} />
          {actions.value === undefined ? null : <CommandList commands={actions.value.items} withShadow={false} />}
          {onActions ? <Pager next={actions.value?.next} /> : null}
          {onActions || actions.value?.next === undefined ? null : (
            <p>
              <a href={thingHref({ thingName, shadowName: DIRECT_PLACE })}>All actions</a>
            </p>
          )}
        </>
      ) : null}
    </>
  );
}

function hasSome(page: PageView<CommandView> | undefined): boolean {
  return page !== undefined && page.items.length > 0;
}

function Tabs({
  thing,
  thingName,
  name,
  withActions,
}: {
  thing: ThingView | undefined;
  thingName: string;
  name: string | undefined;
  withActions: boolean;
}): JSX.Element | null {
  if (thing === undefined) return null;
  const names = [
    ...thing.shadows.map(({ shadowName }) => shadowName),
    ...(withActions || name === DIRECT_PLACE ? [DIRECT_PLACE] : []),
  ];
  if (names.length < 2) return null;
  return (
    <nav class="tabs" aria-label="Shadows and actions of this thing">
      {names.map((each) => (
        <a
          key={each ?? ''}
          href={thingHref({ thingName, ...(each === undefined ? {} : { shadowName: each }) })}
          aria-current={each === name ? 'page' : undefined}
        >
          {each === undefined ? 'classic shadow' : each === DIRECT_PLACE ? 'actions' : <Text>{each}</Text>}
        </a>
      ))}
    </nav>
  );
}

function Shadow({
  thingName,
  name,
  cursor,
}: {
  thingName: string;
  name: string | undefined;
  cursor: string | undefined;
}): JSX.Element {
  const key = `${thingName} ${name ?? ''}`;
  const whose = name === undefined ? { thing: thingName, classic: true } : { thing: thingName, name };
  const shadow = useLoad(`shadow ${key}`, () => get<ShadowView>(paths.shadow(thingName), { name }));
  const explained = useLoad(`explain ${key}`, () =>
    get<ShadowExplanationView>(paths.explainShadow(thingName), { name }),
  );
  const drift = useLoad(`drift ${key}`, () => get<PageView<DriftView>>('/v1/drift', { ...whose, limit: 100 }));
  const commands = useLoad(`commands ${key} ${cursor ?? ''}`, () =>
    get<PageView<CommandView>>('/v1/commands', { ...whose, limit: 20, cursor }),
  );
  const reload = (): void => {
    shadow.reload();
    commands.reload();
    drift.reload();
  };
  return (
    <>
      <p class="why">{explained.value === undefined ? null : <Text>{explained.value.words}</Text>}</p>
      <Failure problem={shadow.problem} />
      {shadow.value === undefined ? null : (
        <>
          <h2>What was asked and what it says</h2>
          <FieldTable shadow={shadow.value} explained={explained.value} drift={drift.value?.items ?? []} />
          <p class="quiet">
            Version {shadow.value.version}, as of <Ago at={shadow.value.asOf} />.
          </p>
          <SetForm shadow={shadow.value} done={reload} />
        </>
      )}
      <h2>Commands</h2>
      <Failure problem={commands.problem} />
      {commands.value === undefined ? null : <CommandList commands={commands.value.items} withShadow={false} />}
      <Pager next={commands.value?.next} />
      {shadow.value === undefined ? null : (
        <Json summary="The shadow as JSON" value={{ desired: shadow.value.desired, reported: shadow.value.reported }} />
      )}
    </>
  );
}
