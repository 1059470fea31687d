import type { Problem, ProblemCode } from '../../core/problem.ts';

/** What a person at a terminal can do about a problem, by code. Left out where the message already says it. */
const ADVICE: Partial<Record<ProblemCode, string>> = {
  model_violation: 'ask for a value that the model of this shadow allows',
  payload_too_large: 'a shadow holds 8 KB: send less, or use a second named shadow',
  not_found: 'check the name, or which server you talk to (--server)',
  command_not_found: 'list commands with "shadowctl commands"',
  shadow_not_found: 'nothing was written to this shadow yet, or its name is another one (--shadow NAME)',
  version_conflict: 'look at what is there now with "shadowctl get", then decide anew',
  idempotency_mismatch: 'use a new --idempotency-key for a different command',
  command_ended: 'start a new one with "shadowctl retry" or "shadowctl set"',
  command_open: 'wait for its end, or cancel it first',
  server_unreachable: 'start one with "shadowctl serve" (or "shadowctl demo"), or say where it is with --server URL',
  transport_offline: 'is the MQTT broker up, and is the URL right? Trying again later is safe',
  transport_timeout: 'the result is unknown: look with "shadowctl get" before trying again',
  transport_refused: 'check the endpoint, the client id and the certificate',
  address_in_use: 'end the other program, or choose another port (port 0 takes a free one)',
  service_throttled: 'wait a little and try again',
  ledger_full: 'free disk space; nothing that was accepted is lost',
  ledger_corrupt: 'keep the file, restore a backup; see docs/PROBLEMS.md',
};

/** What the verbs of the local cloud talk to is another program. */
const NO_SIMULATOR = 'start one with "shadowctl sim", or say where it is with --simulator URL';

/** `verb`: the one that was asked for, if it is one. */
export function adviceOf(problem: Problem, verb: string | undefined): string | undefined {
  if (problem.code === 'server_unreachable' && verb?.split(' ')[0] === 'sim') return NO_SIMULATOR;
  if (problem.code !== 'invalid_usage') return ADVICE[problem.code];
  return verb === undefined ? 'see "shadowctl --help"' : `see "shadowctl ${verb} --help"`;
}
