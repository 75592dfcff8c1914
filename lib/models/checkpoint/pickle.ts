import { findOperation } from './pickle-operations.js';
import { PickleEndsEarly, PickleMachine } from './pickle-machine.js';
import type { PickledStorage, PickledValue } from './pickle-values.js';
import { damaged } from './tensor.js';

/** More than a checkpoint of any model needs; keeps a hostile pickle of 100 MB from taking all memory. */
const MAX_OPERATIONS = 2_000_000;
const STOP = 0x2e;

export interface PickleReading {
  /** The file's name, for messages. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Where the pickle begins in `bytes`. */
  readonly start: number;
  /** Collects the storages that the pickle names, by key. */
  readonly storages: Map<string, PickledStorage>;
}

/**
 * Interprets one pickle of protocol 2 to 5 as data. No code is run whatever the file asks for: see pickle-globals.ts for
 * what may be built. Work and memory are bounded by the length of the pickle.
 *
 * @returns the value, and where the pickle ended
 * @throws VNP_CHECKPOINT naming the operation or global that is not allowed or damaged
 * @throws PickleEndsEarly when the bytes end first
 */
export function readPickle(reading: PickleReading): { value: PickledValue; end: number } {
  const machine = new PickleMachine(reading.bytes, reading.start, reading.storages);
  try {
    const value = run(machine);
    return { value, end: machine.position };
  } catch (error) {
    if (error instanceof PickleEndsEarly) throw error;
    throw damaged(reading.path, `its pickle cannot be read: at byte ${machine.position}, ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function run(machine: PickleMachine): PickledValue {
  for (let done = 0; done < MAX_OPERATIONS; done++) {
    const code = machine.unsigned(1);
    if (code === STOP) return machine.finish();
    findOperation(code)(machine);
  }
  throw new Error(`it has more than ${MAX_OPERATIONS} operations`);
}
