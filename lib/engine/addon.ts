/**
 * The native contract: a declaration for each export of csrc/addon.cc, with the types and constants that it uses.
 *
 * No call blocks the event loop for longer than its docstring says. Whatever a native thread throws reaches the promise
 * (or the caller, for a synchronous call) as an Error whose `code` is one of ErrorCode. Errors of `run` name the `part`
 * that failed, if it was `dna` or `protein`.
 *
 * Arguments are read, checked and copied at the call: neither later changes to their memory nor concurrent writes by
 * another thread matter. A value of the wrong type fails with VNP_ARGUMENT; an exception from a getter passes through
 * unchanged; a method called on a foreign object is refused by V8 itself, with a TypeError.
 */

import type { PackedTokens } from '../batches/tokens.js';

export const DATA_TYPES = ['float32', 'float16', 'bfloat16'] as const;
export type DataType = (typeof DATA_TYPES)[number];
export type Precision = 'fp32' | 'fp16' | 'bf16';

/** `packed`: this project's forward pass. `torchscript`: the archive's. */
export const ENGINES = ['packed', 'torchscript'] as const;
export type Engine = (typeof ENGINES)[number];

/**
 * ESM-2: pre-norm transformer with rotary positions; token embeddings are scaled by 0.88 (token dropout at inference).
 */
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
      /** A strided tensor inside a file, which is mapped rather than copied. */
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
  /** The archive is written straight to this path; the caller passes a temporary name and renames the file. */
  path: string;
  architecture: Architecture;
  /** Data type of the parameters in the archive. */
  dtype: DataType;
  /** Exactly the parameters of the architecture (see csrc/archive/parameters.h). */
  parameters: readonly ArchiveParameter[];
  /** Extra files in the archive, text by name, e.g. `virnucpro.json`, `tokenizer.json`. */
  extraFiles: Readonly<Record<string, string>>;
}

/** A parsed tokenizer.json of the byte-pair kind, flattened for the native encoder. */
export interface BytePairVocabulary {
  /** Text of every token, by id. */
  tokens: readonly string[];
  /** Flat triples (left id, right id, merged id); a merge's rank is its position. */
  merges: Int32Array;
  unknown: number;
  /** Characters per word, whatever they are; 0: words are separated by white space. */
  wordLength: number;
  /** Whether a word that is itself a token becomes that token, without applying the merges. */
  wholeWords: boolean;
  /** Ids added before and after every sequence ([CLS], [SEP]). */
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
  /** e.g. `580.65.06`; empty without NVML. */
  version: string;
  /** The newest CUDA version that it supports, e.g. `13.0`. */
  cuda: string;
}

/** A device before anything is allocated on it: querying it takes no device memory. */
export interface NativeDevice {
  /** `cpu`, or `cuda:N`: N counts the devices in CUDA_VISIBLE_DEVICES in PCI bus order, as nvidia-smi does. */
  id: string;
  /** As the hardware reports it. */
  name: string;
  /** Compute capability, e.g. `9.0`; empty for the CPU. */
  capability: string;
  /** Bytes. */
  memoryTotal: number;
  /** Bytes; null where finding out would mean using the device: a GPU without NVML. */
  memoryFree: number | null;
  /** Whether bf16 is computed natively (AVX512-BF16 or AMX on a CPU, capability >= 8 on CUDA). */
  bf16: boolean;
  /** Version of the NVIDIA driver, e.g. `580.65.06`; empty for the CPU and without NVML. */
  driver: string;
  /** In the notation of nvidia-smi, e.g. `00000000:3B:00.0`; empty for the CPU. */
  pciAddress: string;
  /** Whether it is a slice of a GPU (multi-instance GPU). */
  mig: boolean;
  /**
   * Who may compute on it. `default`: every process; also reported without NVML, and for a device that is shared
   * through CUDA's multi-process service.
   */
  computeMode: 'default' | 'exclusive' | 'prohibited';
  /** Other processes computing on it now; 0 when unknown. */
  processes: number;
}

/** Readings of a GPU's sensors; null where NVML does not report one. */
export interface NativeSensors {
  /** Bytes of the whole device, across all processes. */
  memoryTotal: number | null;
  memoryFree: number | null;
  /** Fraction of the last sampling period during which it computed, 0 to 1. */
  utilisation: number | null;
  /** Degrees Celsius. */
  temperature: number | null;
}

/**
 * Bytes taken by one worker's tensors, including all its weights, even shared ones. On a GPU: the figures of the whole
 * process when the last job started or ended.
 */
export interface NativeMemory {
  allocated: number;
  /** Allocated, or kept by the allocator for later tensors; on the CPU the same as `allocated`. */
  reserved: number;
  /** Peaks so far. */
  peakAllocated: number;
  peakReserved: number;
}

/** Progress of a device through its oldest job. */
export interface NativeProgress {
  /** What it is computing now. */
  stage: 'idle' | 'dna' | 'protein';
  /**
   * Layers (transformer blocks) of both models that are done, and the total for that job; 0 of 0 when idle. On a CPU
   * they count once for each piece of a batch.
   */
  layersDone: number;
  layers: number;
  /** Fraction of that job's multiplications that are done, 0 to 1; 0 when idle. */
  fraction: number;
}

/** What a worker sends unprompted. */
export type WorkerMessage =
  /** Progress of loading the weights, in bytes of the archives; the last message has bytesDone = bytesTotal. */
  | { kind: 'loading'; bytesDone: number; bytesTotal: number }
  /** One line of text, such as a warning of libtorch. */
  | { kind: 'log'; level: 'info' | 'warn'; text: string };

export interface ModelPart<A extends Architecture> {
  /** The TorchScript archive. */
  path: string;
  architecture: A;
}

/** Seconds. The first layers of a batch alone take several on the slowest GPU. */
export const DEFAULT_DEADLINE = 120;

export interface OpenRequest {
  /** `cpu` or `cuda:N`. */
  device: string;
  precision: Precision;
  /** Threads for matrix work on the CPU; on CUDA, host threads. Fewer are used where OpenMP allows fewer. */
  threads: number;
  /** `packed`: this addon's own forward pass. `torchscript`: the archive's own, padded, for comparison. */
  engine: Engine;
  /**
   * Maximum bytes for the worker's tensors, weights included; exceeding it fails with VNP_MEMORY. On CUDA the limit
   * holds for the whole process on that device. Defaults to the device's memory.
   */
  maxMemory?: number;
  /**
   * Whole seconds, 1 to 1,000,000: a GPU that makes no progress for this long counts as lost (VNP_DEVICE_LOST). Time
   * during which the process is stopped does not count. Defaults to DEFAULT_DEADLINE.
   */
  deadlineSeconds?: number;
  /** Called on the JavaScript thread, until the worker is closed. */
  onMessage?: (message: WorkerMessage) => void;
  /** Aborts loading at its next step: the promise rejects with VNP_ABORTED. No effect once the worker is open. */
  signal?: AbortSignal;
  /**
   * Aborting it after the call gives the worker up as `NativeWorker.abandon` does: an opening still in progress rejects
   * with VNP_DEVICE_LOST.
   */
  abandon?: AbortSignal;
  /** A part that is left out takes no memory; a call that needs it fails with VNP_ARGUMENT. */
  dna?: ModelPart<DnabertArchitecture>;
  protein?: ModelPart<Esm2Architecture>;
  classifier?: ModelPart<ClassifierArchitecture>;
}

export interface FrameBatchTokens {
  dna: PackedTokens;
  /** As many sequences as `dna`: pair i is one frame. */
  protein: PackedTokens;
}

export const DNA_FAULT = 1;
export const PROTEIN_FAULT = 2;

export interface BatchResult {
  /** [frames, 2]: others, virus. */
  scores: Float32Array;
  /** [frames]: 0, or DNA_FAULT or PROTEIN_FAULT when that embedding contains a value that is not finite. */
  faults: Uint8Array;
  /** [frames, dna width + protein width]; only on request. */
  embeddings?: Float32Array;
  /** Seconds: those of the worker's thread on the CPU, those of the device's own clock on a GPU. */
  seconds: { dna: number; protein: number; classifier: number };
}

/**
 * What becomes of the states of a layer. `mean`, `max`: of each sequence's pooled tokens, column by column; ESM-2 pools
 * the residues only, at most the first 1024, DNABERT every token. `cls`: the state of the first token. `tokens`: the
 * states of all tokens as they are, special tokens included.
 */
export type Pool = 'mean' | 'cls' | 'max' | 'tokens';

export interface EmbedOptions {
  /**
   * Distinct layers, at least one: 0 is the (scaled) token embedding, N the state after layer N, and the last one is
   * after the final norm. Layers after the largest one here are not computed. The torchscript engine has only the last.
   */
  layers: readonly number[];
  /** Distinct, at least one. */
  pools: readonly Pool[];
  /** Packed engine only; slows a forward pass on a GPU down. Default: false. */
  measure?: boolean;
}

/**
 * For each pool that was asked for, one array for each layer, in the order of `layers`. Large arrays can be cloned, but
 * not transferred to another thread.
 */
export interface EmbeddingResult {
  /** [sequences, width]; for the last layer the mean that the classifier reads. */
  mean?: Float32Array[];
  /** [sequences, width] */
  cls?: Float32Array[];
  /** [sequences, width] */
  max?: Float32Array[];
  /** [tokens, width] */
  tokens?: Float32Array[];
  /** Only when measuring: seconds of the forward pass. The rest of `total` went to everything else. */
  seconds?: { total: number; linear: number; attention: number };
  /**
   * Only when measuring: how attention was computed. `kernel`: by a kernel of this project; `flash`: by libtorch's
   * kernel for packed sequences, on a GPU; `padded`: sequences of similar length together, padded to the longest.
   */
  attentionBackend?: 'kernel' | 'flash' | 'padded';
}

/** The cost of one model's linear layers alone: no forward pass of it on this device can be faster. */
export interface LinearMeasurement {
  /** Seconds for the matrix products of every layer, one after another, with nothing fused into them. */
  seconds: number;
  /** Multiplications and additions in these products, for all rows together. */
  operations: number;
}

/**
 * One worker thread that owns the models on one device. CPU workers with the same archives, precision and engine share
 * their weights. Once a device stops answering (a CUDA error that persists, or a GPU that hangs), every job rejects
 * with VNP_DEVICE_LOST. At most three jobs wait or run; a fourth call rejects with VNP_ARGUMENT, so that back-pressure
 * stays visible to the caller.
 */
export interface NativeWorker {
  /** An empty batch gives no scores. */
  run(batch: FrameBatchTokens, options: { embeddings: boolean }): Promise<BatchResult>;
  /**
   * The states of one language model's layers. A layer is pooled when it is computed: without the pool `tokens` no more
   * than one layer's states of all tokens are in memory at a time. An empty batch gives empty arrays.
   */
  embed(part: 'dna' | 'protein', tokens: PackedTokens, options: EmbedOptions): Promise<EmbeddingResult>;
  /**
   * Packed engine only.
   * @param rows tokens in a batch, 1 to 1,048,576
   */
  measureLinear(part: 'dna' | 'protein', rows: number): Promise<LinearMeasurement>;
  /** @param features [rows, inputs] @returns [rows, 2]: others, virus */
  classify(features: Float32Array): Promise<Float32Array>;
  /** Bytes that the weights take on the device. */
  readonly weightBytes: number;
  /** Threads that share the CPU's work. */
  readonly threads: number;
  /** Like `memory`, never waits for the device. */
  progress(): NativeProgress;
  memory(): NativeMemory;
  /** Rejects waiting jobs with VNP_ABORTED; running jobs finish, and the worker stays open. */
  cancel(): void;
  /**
   * Gives up a GPU whose driver never returns from a call, where the worker's own deadline cannot take effect: all its
   * jobs reject with VNP_DEVICE_LOST, and it counts as closed. Its thread and everything that it holds are leaked.
   */
  abandon(): void;
  /**
   * Waits for running jobs (a GPU may have two), rejects waiting ones (VNP_CLOSED) and joins the thread. Closing twice
   * is harmless.
   */
  close(): Promise<void>;
}

/** The compiler for the CUDA kernels (csrc/cuda_kernels), which are compiled when a worker opens, and their cache. */
export interface KernelCompiler {
  /** Path or name of CUDA's compiler, libnvrtc. */
  nvrtc: string;
  /** Path of its builtins library. Default: nvrtc finds it by itself. */
  builtins?: string;
  /** Folder of the compiled kernels; created if missing. */
  cache: string;
}

export interface Addon {
  /** The libtorch that the addon was compiled against, and the compiler. */
  readonly versions: { libtorch: string; compiler: string };
  /**
   * Wakes the driver on another thread, which can take a second or more. Afterwards `driver` and `devices` are quick.
   */
  wakeDriver(): Promise<void>;
  /** null without an NVIDIA driver. Touches no device. Loads NVML; see `wakeDriver`. */
  driver(): NativeDriver | null;
  /** The CPU first, then the CUDA devices in order. The first call wakes the driver; see `wakeDriver`. */
  devices(): NativeDevice[];
  /** Reads the sensors of these CUDA devices, on another thread. @throws VNP_DEVICE for any other id */
  sensors(ids: readonly string[]): Promise<NativeSensors[]>;
  /** Applies to workers opened from now on; without it libtorch's operators compute everything. @throws VNP_ARGUMENT */
  setKernelCompiler(compiler: KernelCompiler): void;
  /** Every parameter of an archive of this architecture, in the order of the forward pass. @throws VNP_ARGUMENT */
  parametersOf(architecture: Architecture): ParameterShape[];
  writeArchive(request: ArchiveRequest): Promise<void>;
  BytePairTokenizer: new (vocabulary: BytePairVocabulary) => NativeBytePairTokenizer;
  /**
   * Loads the archives on a thread of its own. Before that, a small model of the same kind, precision, engine and
   * number of threads computes a known answer. Rejects with VNP_WRONG_NUMBERS when the device gets that wrong, and with
   * VNP_THREADS when the system or OpenMP grants fewer threads than the work needs.
   */
  openWorker(request: OpenRequest): Promise<NativeWorker>;
  /** Whether a device of this process hangs: a normal exit would never finish, since the libraries wait for it. */
  deviceHangs(): boolean;
}
