/**
 * The native contract: everything that csrc/addon.cc exports, one declaration for each export, and nothing else.
 * No call blocks the event loop for longer than its docstring says; whatever a native thread throws reaches the promise
 * (or the caller, for a synchronous call) as an Error whose `code` is one of ErrorCode. The errors of `run` name the
 * `part` that failed, `dna` or `protein`, where it was one of these.
 * Arguments are read, checked and copied at the call: what becomes of their memory afterwards, or what another thread
 * writes to it meanwhile, is of no matter. A value of another kind is answered with VNP_ARGUMENT; what a getter throws
 * comes back as it is; a method that is called on another object is refused by V8 itself, with a TypeError.
 */

import type { PackedTokens } from '../batches/tokens.js';

export type DataType = 'float32' | 'float16' | 'bfloat16';
export type Precision = 'fp32' | 'fp16' | 'bf16';

/** ESM-2: pre-norm transformer with rotary positions; token embeddings are scaled by 0.88 (token dropout at inference). */
export interface Esm2Architecture {
  family: 'esm2';
  layers: number;
  width: number;
  heads: number;
  feedForward: number;
  /** Number of rows of the token embedding: 33 for every published size. */
  vocabulary: number;
}

/** DNABERT-2 and DNABERT-S: post-norm transformer with ALiBi positions and a gated-GELU feed-forward. */
export interface DnabertArchitecture {
  family: 'dnabert2';
  layers: number;
  width: number;
  heads: number;
  feedForward: number;
  vocabulary: number;
  tokenTypes: number;
  layerNormEpsilon: number;
}

/** Linear(inputs, hidden), BatchNorm (running statistics), ReLU, Linear(hidden, 2), softmax. */
export interface ClassifierArchitecture {
  family: 'classifier';
  inputs: number;
  hidden: number;
  batchNormEpsilon: number;
}

export type Architecture = Esm2Architecture | DnabertArchitecture | ClassifierArchitecture;

/** Where the values of one parameter come from when an archive is written. */
export type ParameterSource =
  | {
      /** A strided tensor inside a file; the file is mapped, its bytes are not copied. */
      kind: 'file';
      path: string;
      /** Byte offset of element 0. */
      offset: number;
      dtype: DataType;
      /** In elements; checked against the size of the file. */
      strides: readonly number[];
    }
  | { kind: 'normal'; mean: number; standardDeviation: number; seed: number }
  | { kind: 'constant'; value: number };

export interface ParameterShape {
  /** Dotted path of the parameter in the archive, e.g. `layers.0.query.weight`. */
  name: string;
  shape: readonly number[];
}

export interface ArchiveParameter extends ParameterShape {
  source: ParameterSource;
}

export interface ArchiveRequest {
  /** Written whole at this path; the caller gives a temporary name and renames. */
  path: string;
  architecture: Architecture;
  /** Data type of the parameters in the archive. */
  dtype: DataType;
  /** Must be exactly those that the architecture asks for (see csrc/archive/parameters.h). */
  parameters: readonly ArchiveParameter[];
  /** Extra files of the archive: name to text, e.g. `virnucpro.json`, `tokenizer.json`. */
  extraFiles: Readonly<Record<string, string>>;
}

/** A parsed tokenizer.json of the byte-pair kind, flattened for the native encoder. */
export interface BytePairVocabulary {
  /** Text of every token, by id. */
  tokens: readonly string[];
  /** Flat triples left id, right id, merged id; a merge's rank is its position. */
  merges: Int32Array;
  unknown: number;
  /** Characters of a word, whatever they are; 0 for words as white space parts them. */
  wordLength: number;
  /** Whether a word that is a token is that token, whatever the merges make of its letters. */
  wholeWords: boolean;
  /** Ids put before and after every sequence ([CLS], [SEP]). */
  prefix: number;
  suffix: number;
}

/** Tokenizes synchronously on the calling thread: about 1 million bases a second or faster. */
export interface NativeBytePairTokenizer {
  /**
   * @param text the sequences end to end, as ASCII letters
   * @param offsets n+1 byte positions in `text`: sequence i is `text[offsets[i]..offsets[i+1]]`
   * @returns the token ids end to end and their n+1 offsets
   */
  encode(text: Uint8Array, offsets: Int32Array): PackedTokens;
}

/** The NVIDIA driver of this machine. */
export interface NativeDriver {
  /** e.g. `580.65.06`; empty where NVML is missing. */
  version: string;
  /** The newest CUDA that it runs, e.g. `13.0`. */
  cuda: string;
}

/** A device as it is found, before anything is made on it: asking takes no memory there. */
export interface NativeDevice {
  /** `cpu`, or `cuda:N`: N counts in PCI bus order, as nvidia-smi does, among the devices of CUDA_VISIBLE_DEVICES. */
  id: string;
  name: string;
  /** Compute capability, e.g. `9.0`; empty for the CPU. */
  capability: string;
  /** Bytes. */
  memoryTotal: number;
  /** null where nothing tells without using the device: a GPU without NVML. */
  memoryFree: number | null;
  /** Whether bf16 is computed natively (AVX512-BF16 or AMX on a CPU, capability >= 8 on CUDA). */
  bf16: boolean;
  /** Of the NVIDIA driver, e.g. `580.65.06`; empty for the CPU and where NVML is missing. */
  driver: string;
  /** As nvidia-smi shows it, e.g. `00000000:3B:00.0`; empty for the CPU. */
  pciAddress: string;
  /** Whether it is a slice of a GPU (multi-instance GPU). */
  mig: boolean;
  /**
   * Who may compute on it; `default` is everybody, and all that is known of a device without NVML. A device that CUDA's
   * multi-process service shares is everybody's.
   */
  computeMode: 'default' | 'exclusive' | 'prohibited';
  /** Other processes that compute on it now; 0 where it is not known. */
  processes: number;
}

/** What a GPU's sensors say; null where NVML does not tell. */
export interface NativeSensors {
  /** Bytes of the whole device, whoever uses them. */
  memoryTotal: number | null;
  memoryFree: number | null;
  /** Fraction of the last moments in which it computed, 0 to 1. */
  utilisation: number | null;
  /** Degrees Celsius. */
  temperature: number | null;
}

/**
 * Bytes that one worker's tensors take, its weights included, also those that it shares. On a GPU: of the process, as it
 * was when the last job was started or ended.
 */
export interface NativeMemory {
  allocated: number;
  /** Allocated or kept for the next ones; on the CPU the same as `allocated`. */
  reserved: number;
  /** The most so far. */
  peakAllocated: number;
  peakReserved: number;
}

/** How far a device is with the oldest of its jobs. */
export interface NativeProgress {
  /** What it computes at this moment. */
  stage: 'idle' | 'dna' | 'protein';
  /**
   * Layers (blocks of the transformer) of both models that it is through with, and all of that job; 0 of 0 when idle. A
   * CPU goes through them anew for every piece of a batch.
   */
  layersDone: number;
  layers: number;
  /** Fraction of that job's multiplications that it is through with, 0 to 1; 0 when idle. */
  fraction: number;
}

/** What a worker has to say on its own account. */
export type WorkerMessage =
  /** Of the weights, in the archives' bytes; the last one has them all. */
  | { kind: 'loading'; bytesDone: number; bytesTotal: number }
  /** One line of text, such as a warning of libtorch. */
  | { kind: 'log'; level: 'info' | 'warn'; text: string };

export interface ModelPart<A extends Architecture> {
  /** The TorchScript archive. */
  path: string;
  architecture: A;
}

/** Seconds; the first layers of a batch take some on the slowest GPU. */
export const DEFAULT_DEADLINE = 120;

export interface OpenRequest {
  /** `cpu` or `cuda:N`. */
  device: string;
  precision: Precision;
  /** Threads for the CPU's matrix work, on CUDA host threads; fewer are used where OpenMP allows no more. */
  threads: number;
  /** `packed`: this addon's own forward. `torchscript`: the archive's forward, padded, for comparison. */
  engine: 'packed' | 'torchscript';
  /**
   * The most bytes that the worker's tensors may take, weights included; more is answered with VNP_MEMORY. On CUDA it
   * holds for the whole process on that device. Defaults to what the device has.
   */
  maxMemory?: number;
  /**
   * Whole seconds, 1 to 1,000,000: a GPU that comes no further for so long counts as lost (VNP_DEVICE_LOST). Time in which
   * the process is stopped does not count. Defaults to DEFAULT_DEADLINE.
   */
  deadlineSeconds?: number;
  /** Called on the JavaScript thread, until the worker is closed. */
  onMessage?: (message: WorkerMessage) => void;
  /** Ends the loading at its next step: the promise rejects with VNP_ABORTED. Of an open worker it means nothing. */
  signal?: AbortSignal;
  /** Aborted later, it gives the worker up as `NativeWorker.abandon` does: its opening rejects with VNP_DEVICE_LOST. */
  abandon?: AbortSignal;
  /** A part that is left out takes no memory; a call that needs it is answered with VNP_ARGUMENT. */
  dna?: ModelPart<DnabertArchitecture>;
  protein?: ModelPart<Esm2Architecture>;
  classifier?: ModelPart<ClassifierArchitecture>;
}

export interface FrameBatchTokens {
  dna: PackedTokens;
  /** Same number of sequences as `dna`: pair i is one frame. */
  protein: PackedTokens;
}

export const DNA_FAULT = 1;
export const PROTEIN_FAULT = 2;

export interface BatchResult {
  /** [frames, 2]: others, virus. */
  scores: Float32Array;
  /** [frames]: 0 when sound; DNA_FAULT or PROTEIN_FAULT when that embedding holds a value that is no finite number. */
  faults: Uint8Array;
  /** [frames, dna width + protein width] when asked for. */
  embeddings?: Float32Array;
  /** Seconds of the device: on the CPU its thread's, on a GPU by its own clock. */
  seconds: { dna: number; protein: number; classifier: number };
}

export interface EmbeddingResult {
  /** [sequences, width]: the mean that the classifier reads. */
  mean: Float32Array;
  /** When asked for: layers+1 tensors of [tokens, width]; the first is the scaled token embedding, the last is after the final norm. */
  layers?: Float32Array[];
  /** When asked to measure: where the seconds of the forward went. What is left of `total` went to everything else. */
  seconds?: { total: number; linear: number; attention: number };
  /**
   * When asked to measure: how attention was computed. `kernel`: by a kernel of this project; `flash`: by libtorch's
   * kernel for packed sequences, on a GPU; `padded`: sequences of like length together, padded to the longest.
   */
  attentionBackend?: 'kernel' | 'flash' | 'padded';
}

/** What the linear layers of one model alone cost: no forward of it on this device can be faster. */
export interface LinearMeasurement {
  /** Seconds of every layer's matrix products, one after the other, with nothing fused into them. */
  seconds: number;
  /** Their multiplications and additions for all rows together. */
  operations: number;
}

/**
 * One worker thread that owns the models on one device; CPU workers of the same archives, precision and engine share
 * their weights. A device that does not answer any more (a CUDA error that stays, or a GPU that hangs) rejects with
 * VNP_DEVICE_LOST from then on. At most three jobs wait or run; a fourth call is answered with a
 * rejected promise (VNP_ARGUMENT), so that the caller's own back-pressure is never hidden here.
 */
export interface NativeWorker {
  /** A batch of no frames gives no scores. */
  run(batch: FrameBatchTokens, options: { embeddings: boolean }): Promise<BatchResult>;
  /** `layers` and `measure` (default false): of the packed engine only. Measured, a forward on a GPU takes longer than otherwise. */
  embed(
    part: 'dna' | 'protein',
    tokens: PackedTokens,
    options: { layers: boolean; measure?: boolean },
  ): Promise<EmbeddingResult>;
  /**
   * Of the packed engine only.
   * @param rows tokens in a batch, 1 to 1,048,576
   */
  measureLinear(part: 'dna' | 'protein', rows: number): Promise<LinearMeasurement>;
  /** @param features [rows, inputs] @returns [rows, 2]: others, virus */
  classify(features: Float32Array): Promise<Float32Array>;
  /** Bytes: what the weights take on the device. */
  readonly weightBytes: number;
  /** Threads that share the CPU's work. */
  readonly threads: number;
  /** Never waits for the device, nor does `memory`. */
  progress(): NativeProgress;
  memory(): NativeMemory;
  /** Rejects the jobs that wait with VNP_ABORTED; those that run are finished, and the worker stays open. */
  cancel(): void;
  /**
   * Gives up a GPU whose driver does not come back from a call, so that no deadline of its own reaches the worker: all its
   * jobs reject with VNP_DEVICE_LOST, and it counts as closed. Its thread and all that it holds stay.
   */
  abandon(): void;
  /** Waits for the jobs that run (a GPU may have two), rejects those that wait (VNP_CLOSED), joins the thread. Closing twice is harmless. */
  close(): Promise<void>;
}

/** What the kernels for NVIDIA GPUs (csrc/cuda_kernels) are compiled with when a worker opens, and where they are kept. */
export interface KernelCompiler {
  /** Path or name of CUDA's compiler, libnvrtc. */
  nvrtc: string;
  /** Path of the library that goes with it; left out: it finds that by itself. */
  builtins?: string;
  /** The folder of what was compiled before; made where it is missing. */
  cache: string;
}

export interface Addon {
  /** What the addon was compiled against and with. */
  readonly versions: { libtorch: string; compiler: string };
  /** null without an NVIDIA driver. Asks no device. */
  driver(): NativeDriver | null;
  /** The CPU first, then the CUDA devices in their order. The first call starts the driver: a second or so where it slept. */
  devices(): NativeDevice[];
  /** Reads the sensors of these CUDA devices, on another thread. @throws VNP_DEVICE for another id */
  sensors(ids: readonly string[]): Promise<NativeSensors[]>;
  /** For the workers that open from now on; without it libtorch's operators compute everything. @throws VNP_ARGUMENT */
  setKernelCompiler(compiler: KernelCompiler): void;
  /** Every parameter of an archive of this architecture, in the order in which the data meets them. @throws VNP_ARGUMENT */
  parametersOf(architecture: Architecture): ParameterShape[];
  writeArchive(request: ArchiveRequest): Promise<void>;
  BytePairTokenizer: new (vocabulary: BytePairVocabulary) => NativeBytePairTokenizer;
  /**
   * Loads the archives on a thread of its own. Rejects with VNP_THREADS when the system or OpenMP gives fewer threads than
   * the work needs, and with VNP_WRONG_NUMBERS when the device does not compute a known answer, which a small model of
   * the same kind, precision, engine and number of threads is asked for first.
   */
  openWorker(request: OpenRequest): Promise<NativeWorker>;
  /** Whether a device of this process hangs: the libraries' own end would then wait for it. */
  deviceHangs(): boolean;
}
