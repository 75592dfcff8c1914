/** The check of a GPU compares with the same files, so that the reader is part of the library. */
export { goldenTensors, largestDifference } from '../lib/diagnosis/golden-tensors.js';
