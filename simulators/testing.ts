import { openSimulator, type Simulator, type SimulatorOptions } from './simulator.ts';

export { AWS_RULES, STRICT_RULES, type ShadowRules } from '../src/core/shadow/limits.ts';
export { openSimulator, type Simulator, type SimulatorOptions } from './simulator.ts';
export { AWS_THROTTLE } from './shadow-service/throttle.ts';
export { describeStateAdapter, type AdapterUnderTest, type TestApi } from './devices/state-adapter-contract.ts';
export { SimulatedHardware, type HardwareSpec } from './devices/hardware.ts';
export { KINDS, type DeviceKind } from './devices/kinds.ts';
export { parseMisbehaviour, type Misbehaviour } from './devices/misbehaviour.ts';

/**
 * A local cloud for somebody's test: MQTT broker and shadow service on a free port, in this process, in memory.
 *
 *     const cloud = await startSimulator();
 *     // … connect to cloud.mqttUrl …
 *     await cloud.stop();
 *
 * Throws if it cannot start; `openSimulator` returns the problem instead.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const opened = await openSimulator(options);
  if (!opened.ok) throw new Error(`${opened.problem.code}: ${opened.problem.message}`, { cause: opened.problem });
  return opened.value;
}
