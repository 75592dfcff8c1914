/** The reader is part of the library, since the GPU check compares with the same files. */
export { goldenTensors, largestDifference } from '../lib/diagnosis/golden-tensors.js';
