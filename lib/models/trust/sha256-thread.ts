import { parentPort, workerData } from 'node:worker_threads';
import { reasonOf } from '../../errors.js';
import { sha256OfFile, type ThreadAnswer } from './sha256.js';

/** Entry point of the thread that hashes a file for sha256InThread; `workerData` is the path. */

let answer: ThreadAnswer;
try {
  answer = { sha256: await sha256OfFile(workerData as string) };
} catch (error) {
  answer = { problem: reasonOf(error) };
}
parentPort?.postMessage(answer);
