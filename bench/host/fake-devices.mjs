// @ts-check
import { setImmediate, setTimeout } from 'node:timers';

/** @typedef {import('../../lib/engine/addon.js').Addon} Addon */
/** @typedef {import('../../lib/engine/addon.js').FrameBatchTokens} FrameBatchTokens */
/** @typedef {import('../../lib/engine/addon.js').BatchResult} BatchResult */
/** @typedef {import('../../lib/engine/addon.js').NativeWorker} NativeWorker */

const GIB = 2 ** 30;

/**
 * Replace the addon's devices for the life of the process. Their answers depend only on the number of tokens of each
 * frame.
 */
export class FakeDevices {
  /** Seconds of work, summed over all devices. */
  busySeconds = 0;
  /** When the first batch arrived and the last was done, in seconds. */
  first = Infinity;
  last = 0;
  #rate;

  /** @param {number} rate frames a second of one device; 0: every batch is answered at once */
  constructor(rate) {
    this.#rate = rate;
  }

  /** @param {Addon} addon @param {number} count */
  replaceThoseOf(addon, count) {
    const [cpu] = addon.devices();
    if (!cpu) throw new Error('Expected the CPU among the devices');
    const fake = { ...cpu, name: 'a fake', capability: '9.0', memoryTotal: 80 * GIB, memoryFree: 80 * GIB, bf16: true };
    addon.devices = () => Array.from({ length: count }, (_, index) => ({ ...fake, id: `cuda:${index}` }));
    addon.sensors = async (ids) =>
      ids.map(() => ({ memoryTotal: 80 * GIB, memoryFree: 40 * GIB, utilisation: 1, temperature: 50 }));
    addon.openWorker = async () => this.#worker();
  }

  /** @returns {NativeWorker} */
  #worker() {
    let free = 0;
    /** @type {Omit<NativeWorker, 'embed' | 'classify'>} */
    const worker = {
      weightBytes: 0,
      threads: 1,
      progress: () => ({ stage: 'idle', layersDone: 0, layers: 0, fraction: 0 }),
      memory: () => ({ allocated: 0, reserved: 0, peakAllocated: 0, peakReserved: 0 }),
      // A batch cannot be cancelled: its answer is on its way.
      cancel: () => undefined,
      abandon: () => undefined,
      run: (batch) => {
        const frames = batch.dna.offsets.length - 1;
        if (this.#rate === 0) return new Promise((resolve) => setImmediate(() => resolve(answer(batch, 0))));
        const now = performance.now() / 1000;
        const seconds = frames / this.#rate;
        free = Math.max(now, free) + seconds;
        this.busySeconds += seconds;
        this.first = Math.min(this.first, now);
        this.last = Math.max(this.last, free);
        return new Promise((resolve) => setTimeout(() => resolve(answer(batch, seconds)), 1000 * (free - now)));
      },
      // There are no layers to measure after the run.
      measureLinear: async () => ({ seconds: 1, operations: 1 }),
      close: async () => undefined,
    };
    return /** @type {NativeWorker} */ (worker);
  }
}

/** @param {FrameBatchTokens} batch @param {number} seconds @returns {BatchResult} */
function answer({ dna, protein }, seconds) {
  const frames = dna.offsets.length - 1;
  const scores = new Float32Array(2 * frames);
  for (let frame = 0; frame < frames; frame++) {
    const [begin = 0, end = 0] = dna.offsets.subarray(frame, frame + 2);
    // Arbitrary numbers of nine digits, as from a softmax.
    const virus = ((Math.imul(end - begin, 2654435761) + Math.imul(frame, 40503)) >>> 0) / 2 ** 32;
    scores[2 * frame] = 1 - virus;
    scores[2 * frame + 1] = virus;
  }
  if (protein.offsets.length !== dna.offsets.length) throw new Error('Expected as many proteins as DNA sequences');
  return { scores, faults: new Uint8Array(frames), seconds: { dna: seconds, protein: 0, classifier: 0 } };
}
