/** Two tenants on one server, an operator of all, and somebody who may set the temperature but not the lock. */
export const TENANTS = {
  version: 1,
  roles: {
    a: { rules: [{ effect: 'allow', actions: ['look', 'command', 'operate', 'acknowledge'], things: ['a-*'] }] },
    b: { rules: [{ effect: 'allow', actions: ['look', 'command', 'operate', 'acknowledge'], things: ['b-*'] }] },
    all: {
      rules: [{ effect: 'allow', actions: ['look', 'command', 'operate', 'acknowledge', 'observe'], things: ['*'] }],
    },
    heating: {
      rules: [
        { effect: 'allow', actions: ['look'], things: ['a-*'] },
        { effect: 'allow', actions: ['command'], things: ['a-*'], fields: ['/targetC'] },
      ],
    },
    viewer: { rules: [{ effect: 'allow', actions: ['look'], things: ['*'] }] },
    nobody: { rules: [] },
  },
  limits: { requestsPerS: 10_000, requestsBurst: 10_000, commandsPerThingPerS: 1_000, commandsPerThingBurst: 1_000 },
} as const;
