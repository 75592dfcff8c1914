import { encodeDna, encodeProteins } from '../batches/tokens.js';
import type { Addon, NativeDevice, NativeWorker } from '../engine/addon.js';
import { chooseDevices, precisionOf } from '../engine/devices/choose-devices.js';
import { prepareAddon } from '../engine/libtorch/load.js';
import { asVirnucproError } from '../errors.js';
import { checkInputs } from '../input/input-files.js';
import { PROTEIN_TOKENS } from '../models/tokenizers.js';
import { reportOf } from './report.js';
import type { BenchmarkReport, Measured, Plan } from './report.js';
import { embedAll, measureForward, measureSpeed, watchMemory } from './measurements.js';
import type { Workload } from './measurements.js';
import { resolveBenchmarkOptions } from './benchmark-options.js';
import type { BenchmarkOptions, ResolvedBenchmarkOptions } from './benchmark-options.js';
import { fastaSequences, generatedSequences, tokenBatches } from './sequences.js';
import { findSubject } from './subject.js';
import type { Subject } from './subject.js';
import { withRandomArchive } from './temporary-archive.js';

const LONG_PASS_SECONDS = 1;

/**
 * Measures one language model on one device: its speed compared with that of its linear layers alone, where the time
 * goes, and memory. Without an installed model, random weights are written to a temporary folder and removed
 * afterwards.
 * @throws VirnucproError VNP_ARGUMENT, VNP_USAGE, VNP_INPUT_MISSING, VNP_INPUT_FORMAT, VNP_MODEL_MISSING,
 *   VNP_MODEL_INVALID, VNP_MODEL_UNTRUSTED, VNP_LIBTORCH, VNP_DEVICE, VNP_OUTPUT, VNP_MEMORY
 */
export async function benchmark(options: BenchmarkOptions): Promise<BenchmarkReport> {
  const resolved = resolveBenchmarkOptions(options);
  if (resolved.fasta !== undefined) await checkInputs([resolved.fasta], { letters: resolved.part });
  const subject = await findSubject(resolved);
  const loaded = await prepareAddon();
  const { devices } = chooseDevices(loaded, resolved.device === undefined ? 'auto' : [resolved.device]);
  const [device] = devices;
  try {
    const plan = await makePlan(resolved, subject, device!, loaded.addon);
    return reportOf(plan, await measure(plan, loaded.addon), loaded.libtorch.version);
  } catch (error) {
    throw asVirnucproError(error);
  }
}

async function makePlan(
  options: ResolvedBenchmarkOptions,
  subject: Subject,
  device: NativeDevice,
  addon: Addon,
): Promise<Plan> {
  const request = { part: subject.part, limit: options.limit, window: subject.window };
  const { fasta } = options;
  const sequences = fasta === undefined ? generatedSequences(request) : await fastaSequences(fasta, request);
  const packed =
    subject.part === 'protein'
      ? encodeProteins(sequences, PROTEIN_TOKENS)
      : encodeDna(sequences, new addon.BytePairTokenizer(subject.tokenizer));
  const batches = tokenBatches(packed, options.batchTokens);
  const precision = precisionOf([device], options.precision);
  return { options, subject, device, precision, batches, sequences: sequences.length };
}

async function measure(plan: Plan, addon: Addon): Promise<Measured> {
  const { options, subject, batches } = plan;
  const { onProgress } = options;
  const worker = await openWorker(plan, addon);
  try {
    const memory = watchMemory(plan.device.id, worker);
    const hasLimit = options.engine === 'packed';
    const clock = (): number => performance.now() / 1000;
    const { layers } = subject.architecture;
    const workload: Workload = { worker, part: subject.part, layers, batches, hasLimit, clock };
    onProgress({ step: 'warm up' });
    let seconds = await embedAll(workload);
    // Only a slow model's first pass is a good estimate of the time that one takes.
    if (seconds < LONG_PASS_SECONDS) seconds = await embedAll(workload);
    // The later measurements need memory that a prediction does not.
    const peak = memory.read();
    onProgress({ step: 'measure' });
    const speed = await measureSpeed(workload, seconds, options.repeats);
    const forward = hasLimit ? await measureForward(workload) : undefined;
    return { weightBytes: worker.weightBytes, memory: peak, speed, forward };
  } finally {
    await worker.close();
  }
}

async function openWorker({ options, subject, device, precision }: Plan, addon: Addon): Promise<NativeWorker> {
  const { engine, threads, onProgress } = options;
  const open = (path: string): Promise<NativeWorker> => {
    onProgress({ step: 'load' });
    const common = { device: device.id, precision, threads, engine };
    if (subject.part === 'protein') {
      return addon.openWorker({ ...common, protein: { path, architecture: subject.architecture } });
    }
    return addon.openWorker({ ...common, dna: { path, architecture: subject.architecture } });
  };
  if (subject.path !== undefined) return await open(subject.path);
  return await withRandomArchive(subject.architecture, (written) => onProgress({ step: 'write', ...written }), open);
}
