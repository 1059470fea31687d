/**
 * `shadowctl`: the server side for programs that embed it. Devices import `shadowctl/device`, app backends
 * `shadowctl/client`, tests `shadowctl/testing`.
 */
export { composeServer } from './compose-server.ts';
export type { RunningServer, ServerOptions } from './compose-server.ts';
export { compileModel } from './protocol/model-schema.ts';
export type { Model, ModelViolation } from './core/model/model.ts';
export { PROBLEMS } from './core/problem.ts';
export type { Problem, ProblemCode } from './core/problem.ts';
export type { Result } from './core/result.ts';
export { VERDICT_OF } from './core/command/command.ts';
export type { Command, CommandStatus, Verdict } from './core/command/command.ts';
