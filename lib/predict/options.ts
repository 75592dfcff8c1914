import { DEFAULT_DEADLINE } from '../engine/addon.js';
import { DEFAULT_PRECISION } from '../engine/devices/choose-devices.js';
import type { DeviceChoice, PrecisionChoice } from '../engine/devices/choose-devices.js';
import { grantedResources } from '../engine/limits/granted-resources.js';
import { expected } from '../errors.js';
import { checkKind, checkNames, isFlag, namesOf, whole } from '../option-checks.js';
import { DEFAULT_MIN_FRACTION, DEFAULT_THRESHOLD } from '../scoring/calls.js';
import type { CallRule } from '../scoring/calls.js';
import type { RunEvent } from './events.js';

/** Seconds between two progress events. */
export const DEFAULT_PROGRESS_INTERVAL = 30;
/** Fraction of a device's memory from which there is a warning. */
export const DEFAULT_MEMORY_WARNING = 0.9;
export const DEFAULT_DEVICE_TIMEOUT = DEFAULT_DEADLINE;
export const MAX_DEVICE_TIMEOUT = 1_000_000;
/** More tokens than this in a batch fit no device. */
export const MAX_BATCH_TOKENS = 2 ** 24;
export const MAX_THREADS = 1024;
/** More workers than this on one CPU gain nothing. */
export const MAX_WORKERS = 64;

/** A model that reads every window first and decides those that it is sure of; the others go to the model of the run. */
export interface TriageChoice {
  /** Its name; `mini` is short for virnucpro-mini. */
  readonly model: string;
  /**
   * It decides windows with a calibrated virus score below this, 0 to 1. Defaults to what was measured for it and the
   * length of a window.
   */
  readonly othersBelow?: number;
  /** It decides windows with at least this calibrated virus score, 0 to 1. Defaults likewise. */
  readonly virusAtLeast?: number;
}

export interface OpenOptions {
  /**
   * Name of a model. Defaults to the only one that is installed, or where none is to SHIPPED_DEFAULT, which came with this
   * program.
   */
  readonly model?: string;
  /** Triage before the model, by another one on the same devices: see TriageChoice. A name alone is its `model`. Defaults to none. */
  readonly triage?: string | TriageChoice;
  /** Folder of the installed models. Defaults to $VIRNUCPRO_MODELS, else $XDG_DATA_HOME/virnucpro/models. */
  readonly models?: string;
  /**
   * Opens the model even if it was neither made on this machine nor recorded by `trustModel`. A model's archives are code
   * that runs with all your rights: only for one whose maker you know. Their hashes are checked all the same. Defaults to
   * false.
   */
  readonly trust?: boolean;
  /** Defaults to `auto`. */
  readonly precision?: PrecisionChoice;
  /**
   * `auto`: every CUDA device there is, else the CPU. `cuda`: every CUDA device. `cpu`. Or a list of ids, `cpu` and
   * `cuda:N`: N counts in nvidia-smi's order (of the PCI bus) among the devices of CUDA_VISIBLE_DEVICES. Defaults to `auto`.
   */
  readonly devices?: DeviceChoice;
  /** Workers on the CPU, which share its threads; the results do not depend on it. Defaults to 1. */
  readonly workers?: number;
  /** The most bytes that one worker may take on its device, weights included. Defaults to what the device has. */
  readonly maxMemory?: number;
  /**
   * Whole seconds, up to a million: a GPU that comes no further for so long counts as lost, and the others do its work.
   * Defaults to DEFAULT_DEVICE_TIMEOUT.
   */
  readonly deviceTimeout?: number;
  /**
   * CPU threads for matrix work, of all CPU workers together. Defaults to the cores that this process may use: those
   * of its CPU affinity, as many as its cgroup's quota allows (rounded up), at most $OMP_NUM_THREADS.
   */
  readonly threads?: number;
  /** `packed`: this project's own forward. `torchscript`: the archive's own, for comparison. Defaults to `packed`. */
  readonly engine?: 'packed' | 'torchscript';
  /** Tokens of a batch for ESM-2; a longer sequence runs alone. Defaults to what suits the devices' memory. */
  readonly proteinBatchTokens?: number;
  /** Tokens of a batch for DNABERT-S; a longer sequence runs alone. Defaults to what suits the devices' memory. */
  readonly dnaBatchTokens?: number;
  /** Called for everything that happens while the model loads and while runs go on. What it throws is ignored. */
  readonly onEvent?: (event: RunEvent) => void;
  /**
   * Ends the loading: `open` throws VNP_ABORTED at once, with the signal's reason as its cause, and the loading threads end
   * at their next step. Means nothing to a predictor that is open. Defaults to none.
   */
  readonly signal?: AbortSignal;
}

export interface PredictOptions {
  /** A window is called virus from this virus score on, 0 to 1. Defaults to 0.5, the classic rule. */
  readonly threshold?: number;
  /** A contig is called virus when at least this fraction of its scored windows is, 0 to 1. Defaults to 0.5. */
  readonly minFraction?: number;
  /** Whether scores are calibrated where the model has a temperature; the published ones have none. Defaults to true. */
  readonly calibration?: boolean;
  /** Whether window results carry their letters and kept frames. Defaults to false. */
  readonly sequences?: boolean;
  /** Whether the scores of frames carry their embeddings; not with triage, which has others. Defaults to false. */
  readonly embeddings?: boolean;
  /**
   * Path of a file that keeps every batch's scores (and embeddings, where asked for) as they come; yours to delete. A run
   * with the journal of one that was cut short does not compute again what is in it, and gives the same results as one
   * that was never disturbed. One run at a time. Defaults to none.
   */
  readonly journal?: string;
  /** What the input `-` reads. Defaults to the process's standard input. */
  readonly standardInput?: AsyncIterable<Uint8Array>;
  /**
   * Ends the run: what the devices compute is finished, the results so far come, then the iteration throws VNP_ABORTED
   * with the signal's reason as its cause.
   */
  readonly signal?: AbortSignal;
  /** Seconds between two progress events, 0 for none. Defaults to DEFAULT_PROGRESS_INTERVAL. */
  readonly progressInterval?: number;
  /** Fraction of a device's memory, above 0 and up to 1, from which there is a warning. Defaults to DEFAULT_MEMORY_WARNING. */
  readonly memoryWarning?: number;
}

const TRIAGE_OPTIONS = namesOf<TriageChoice>({ model: true, othersBelow: true, virusAtLeast: true });
const OPEN_OPTIONS = namesOf<OpenOptions>({
  model: true,
  triage: true,
  models: true,
  trust: true,
  precision: true,
  devices: true,
  workers: true,
  maxMemory: true,
  deviceTimeout: true,
  threads: true,
  engine: true,
  proteinBatchTokens: true,
  dnaBatchTokens: true,
  onEvent: true,
  signal: true,
});
const PREDICT_OPTIONS = namesOf<PredictOptions>({
  threshold: true,
  minFraction: true,
  calibration: true,
  sequences: true,
  embeddings: true,
  journal: true,
  standardInput: true,
  signal: true,
  progressInterval: true,
  memoryWarning: true,
});

const OPEN_HANDLERS = namesOf<OpenHandlers>({ onEvent: true, signal: true });
const RUN_HANDLERS = namesOf<RunHandlers>({
  journal: true,
  standardInput: true,
  signal: true,
  progressInterval: true,
  memoryWarning: true,
});

function fraction(name: string, value: number): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw expected('VNP_ARGUMENT', 'a number from 0 to 1', name, String(value));
}

function positiveFraction(name: string, value: number): number {
  if (fraction(name, value) > 0) return value;
  throw expected('VNP_ARGUMENT', 'a number above 0, up to 1', name, String(value));
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isDeviceChoice(value: unknown): boolean {
  return isText(value) || (Array.isArray(value) && value.every(isText));
}

function isSignal(value: unknown): boolean {
  return value instanceof AbortSignal;
}

function isByteStream(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** A listener that throws is no reason to lose a run. */
function harmless(listener: ((event: RunEvent) => void) | undefined): (event: RunEvent) => void {
  return (event) => {
    try {
      listener?.(event);
    } catch {
      // Said in its docstring.
    }
  };
}

/** @throws VirnucproError VNP_ARGUMENT */
export function resolveTriage(triage: string | TriageChoice): TriageChoice {
  if (typeof triage === 'string') return { model: triage };
  checkNames(TRIAGE_OPTIONS, triage, 'triage');
  if (!isText(triage.model)) throw expected('VNP_ARGUMENT', 'a name', 'the model of triage', typeof triage.model);
  if (triage.othersBelow !== undefined) fraction('othersBelow', triage.othersBelow);
  if (triage.virusAtLeast !== undefined) fraction('virusAtLeast', triage.virusAtLeast);
  return triage;
}

export function defaultThreads(): number {
  return Math.min(grantedResources().cores.granted, MAX_THREADS);
}

/** Options of which a missing one may be there as undefined. */
export type OrUndefined<Options> = { readonly [Name in keyof Options]?: Options[Name] | undefined };

/** With what a model is opened, whichever it is: the options of `open` with their defaults. */
export interface ModelSettings {
  /** The choice, not what comes of it. */
  readonly precision: PrecisionChoice;
  readonly devices: DeviceChoice;
  readonly threads: number;
  /** These are undefined where nobody asked for a number. */
  readonly workers: number | undefined;
  readonly maxMemory: number | undefined;
  readonly proteinBatchTokens: number | undefined;
  readonly dnaBatchTokens: number | undefined;
  readonly deviceTimeout: number;
  readonly engine: NonNullable<OpenOptions['engine']>;
}

/** What a run gives, whatever its inputs are: the options of `predict` that decide results, with their defaults. */
export interface ResultSettings {
  readonly rule: CallRule;
  readonly calibration: boolean;
  readonly sequences: boolean;
  readonly embeddings: boolean;
}

/** What decides no result of a run: also to be given with a plan. */
export type RunHandlers = Pick<
  PredictOptions,
  'journal' | 'standardInput' | 'signal' | 'progressInterval' | 'memoryWarning'
>;

/** What decides nothing of a model that is opened: also to be given with a plan. */
export type OpenHandlers = Pick<OpenOptions, 'onEvent' | 'signal'>;

/** @throws VirnucproError VNP_ARGUMENT */
export function resolveModelSettings(options: OrUndefined<OpenOptions>): ModelSettings {
  checkNames(OPEN_OPTIONS, options, 'open');
  checkKind('model', options.model, 'a name', isText);
  checkKind('models', options.models, 'the path of a folder', isText);
  checkKind('trust', options.trust, 'true or false', isFlag);
  checkKind('devices', options.devices, 'auto, cpu, cuda or an array of ids', isDeviceChoice);
  const optional = (name: 'workers' | 'maxMemory' | 'proteinBatchTokens' | 'dnaBatchTokens', most: number) =>
    options[name] === undefined ? undefined : whole(name, options[name], most);
  return {
    precision: options.precision ?? DEFAULT_PRECISION,
    devices: options.devices ?? 'auto',
    threads: whole('threads', options.threads ?? defaultThreads(), MAX_THREADS),
    workers: optional('workers', MAX_WORKERS),
    maxMemory: optional('maxMemory', Number.MAX_SAFE_INTEGER),
    deviceTimeout: whole('deviceTimeout', options.deviceTimeout ?? DEFAULT_DEVICE_TIMEOUT, MAX_DEVICE_TIMEOUT),
    engine: options.engine ?? 'packed',
    proteinBatchTokens: optional('proteinBatchTokens', MAX_BATCH_TOKENS),
    dnaBatchTokens: optional('dnaBatchTokens', MAX_BATCH_TOKENS),
  };
}

/** @throws VirnucproError VNP_ARGUMENT */
export function resolveOpenHandlers(handlers: OrUndefined<OpenHandlers>) {
  const { onEvent, signal } = handlers;
  checkKind('onEvent', onEvent, 'a function', (listener: unknown) => typeof listener === 'function');
  checkKind('signal', signal, 'an AbortSignal', isSignal);
  return { onEvent: harmless(onEvent), signal };
}

/** @throws VirnucproError VNP_ARGUMENT */
export function resolveResultSettings(options: OrUndefined<PredictOptions>): ResultSettings {
  checkNames(PREDICT_OPTIONS, options, 'predict');
  checkKind('calibration', options.calibration, 'true or false', isFlag);
  checkKind('sequences', options.sequences, 'true or false', isFlag);
  checkKind('embeddings', options.embeddings, 'true or false', isFlag);
  return {
    rule: {
      threshold: fraction('threshold', options.threshold ?? DEFAULT_THRESHOLD),
      minFraction: fraction('minFraction', options.minFraction ?? DEFAULT_MIN_FRACTION),
    },
    calibration: options.calibration ?? true,
    sequences: options.sequences ?? false,
    embeddings: options.embeddings ?? false,
  };
}

/** @throws VirnucproError VNP_ARGUMENT */
export function resolveRunHandlers(handlers: RunHandlers) {
  const { journal, standardInput, signal, progressInterval = DEFAULT_PROGRESS_INTERVAL } = handlers;
  checkKind('signal', signal, 'an AbortSignal', isSignal);
  checkKind('standardInput', standardInput, 'an async iterable of bytes', isByteStream);
  checkKind('journal', journal, 'the path of a file', isText);
  if (!(progressInterval >= 0 && progressInterval <= 86_400)) {
    throw expected('VNP_ARGUMENT', 'seconds from 0 to 86400', 'progressInterval', String(progressInterval));
  }
  const memoryWarning = positiveFraction('memoryWarning', handlers.memoryWarning ?? DEFAULT_MEMORY_WARNING);
  return { journal, standardInput, signal, progressInterval, memoryWarning };
}

/** @throws VirnucproError VNP_ARGUMENT for another option, which the plan has decided already */
export function checkPlanHandlers(kind: 'open' | 'predict', handlers: OpenHandlers | RunHandlers): void {
  checkNames(kind === 'open' ? OPEN_HANDLERS : RUN_HANDLERS, handlers, `${kind} with a plan`);
}
