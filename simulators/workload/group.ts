/** All devices of a run. */
export const GROUP = 'fleet';
export const GROUPS: Readonly<Record<string, readonly string[]>> = { [GROUP]: ['heater-*'] };
