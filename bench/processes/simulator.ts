import { startSimulator, type SimulatorOptions } from '../../simulators/testing.ts';
import { options, ready } from '../support/process.ts';

const simulator = await startSimulator(options<SimulatorOptions>());
ready({ ...simulator });
