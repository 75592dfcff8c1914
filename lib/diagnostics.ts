/** The entry `virnucpro/diagnostics`: what this machine has, and whether the installation works on it. */
import './supported-node.js';

export { diagnose } from './diagnosis/diagnose.js';
export type { DiagnoseOptions } from './diagnosis/diagnose.js';
export type { Check, CheckStatus } from './diagnosis/check.js';
export { devices } from './diagnosis/device-list.js';
export type { DeviceList, ListedDevice } from './diagnosis/device-list.js';
export type { CudaState } from './engine/libtorch/load-cuda.js';
