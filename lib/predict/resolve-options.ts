import { ENGINES } from '../engine/addon.js';
import { DEFAULT_PRECISION, PRECISIONS } from '../engine/devices/choose-devices.js';
import { grantedResources } from '../engine/limits/granted-resources.js';
import { expected } from '../errors.js';
import {
  checkChoice,
  checkKind,
  checkNames,
  isFlag,
  isFunction,
  isSignal,
  isText,
  isTexts,
  namesOf,
  whole,
} from '../option-checks.js';
import { DEFAULT_MIN_FRACTION, DEFAULT_THRESHOLD } from '../scoring/calls.js';
import type { RunEvent } from './events.js';
import { LOGGER_METHODS, loggingTo } from './logger.js';
import {
  DEFAULT_DEVICE_TIMEOUT,
  DEFAULT_MAX_DELAY,
  DEFAULT_MEMORY_WARNING,
  DEFAULT_PROGRESS_INTERVAL,
  MAX_BATCH_TOKENS,
  MAX_DEVICE_TIMEOUT,
  MAX_MAX_DELAY,
  MAX_THREADS,
  MAX_WORKERS,
} from './options.js';
import type {
  ModelSettings,
  OpenHandlers,
  OpenOptions,
  OrUndefined,
  PredictOptions,
  ResultSettings,
  RunHandlers,
  SourceOptions,
  TriageChoice,
} from './options.js';

const TRIAGE_OPTIONS = namesOf<TriageChoice>({ model: true, othersBelow: true, virusAtLeast: true });
export const OPEN_OPTIONS = namesOf<OpenOptions>({
  model: true,
  triage: true,
  models: true,
  trust: true,
  precision: true,
  devices: true,
  workers: true,
  maxMemory: true,
  deviceTimeout: true,
  maxDelay: true,
  threads: true,
  engine: true,
  proteinBatchTokens: true,
  dnaBatchTokens: true,
  onEvent: true,
  logger: true,
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
  maxRecordLength: true,
  maxInputBytes: true,
  signal: true,
  onProgress: true,
  progressInterval: true,
  memoryWarning: true,
});
const SOURCE_OPTIONS = [...PREDICT_OPTIONS.filter((name) => name !== 'standardInput'), 'source'];

const OPEN_HANDLERS = namesOf<OpenHandlers>({ onEvent: true, logger: true, signal: true });
const RUN_HANDLERS = namesOf<RunHandlers>({
  journal: true,
  standardInput: true,
  maxInputBytes: true,
  signal: true,
  onProgress: true,
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

function delay(value: number): number {
  if (typeof value === 'number' && value >= 0 && value <= MAX_MAX_DELAY) return value;
  throw expected('VNP_ARGUMENT', `milliseconds from 0 to ${MAX_MAX_DELAY}`, 'maxDelay', String(value));
}

function isDeviceChoice(value: unknown): boolean {
  return isText(value) || isTexts(value);
}

function isLogger(value: unknown): boolean {
  const object = Object(value) as Record<string, unknown>;
  return LOGGER_METHODS.every((method) => isFunction(object[method]));
}

export function isByteStream(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** A listener that throws must not end a run. */
function harmless(listener: ((event: RunEvent) => void) | undefined): (event: RunEvent) => void {
  return (event) => {
    try {
      listener?.(event);
    } catch {
      // Documented at `onEvent`.
    }
  };
}

/** @throws VirnucproError VNP_ARGUMENT */
export function resolveTriage(triage: string | TriageChoice): TriageChoice {
  if (typeof triage === 'string') return { model: triage };
  checkNames(TRIAGE_OPTIONS, triage, 'triage');
  if (!isText(triage.model)) throw expected('VNP_ARGUMENT', 'a name', 'the triage model', typeof triage.model);
  if (triage.othersBelow !== undefined) fraction('othersBelow', triage.othersBelow);
  if (triage.virusAtLeast !== undefined) fraction('virusAtLeast', triage.virusAtLeast);
  return triage;
}

export function defaultThreads(): number {
  return Math.min(grantedResources().cores.granted, MAX_THREADS);
}

/** @throws VirnucproError VNP_ARGUMENT */
export function resolveModelSettings(options: OrUndefined<OpenOptions>): ModelSettings {
  checkNames(OPEN_OPTIONS, options, 'open');
  checkKind('model', options.model, 'a name', isText);
  checkKind('models', options.models, 'the path of a folder', isText);
  checkKind('trust', options.trust, 'true or false', isFlag);
  checkKind('devices', options.devices, 'auto, cpu, cuda or an array of ids', isDeviceChoice);
  checkChoice('precision', options.precision, PRECISIONS);
  checkChoice('engine', options.engine, ENGINES);
  const optional = (name: 'workers' | 'maxMemory' | 'proteinBatchTokens' | 'dnaBatchTokens', most: number) =>
    options[name] === undefined ? undefined : whole(name, options[name], most);
  return {
    precision: options.precision ?? DEFAULT_PRECISION,
    devices: options.devices ?? 'auto',
    threads: whole('threads', options.threads ?? defaultThreads(), MAX_THREADS),
    workers: optional('workers', MAX_WORKERS),
    maxMemory: optional('maxMemory', Number.MAX_SAFE_INTEGER),
    deviceTimeout: whole('deviceTimeout', options.deviceTimeout ?? DEFAULT_DEVICE_TIMEOUT, MAX_DEVICE_TIMEOUT),
    maxDelay: delay(options.maxDelay ?? DEFAULT_MAX_DELAY),
    engine: options.engine ?? 'packed',
    proteinBatchTokens: optional('proteinBatchTokens', MAX_BATCH_TOKENS),
    dnaBatchTokens: optional('dnaBatchTokens', MAX_BATCH_TOKENS),
  };
}

/** @throws VirnucproError VNP_ARGUMENT */
export function resolveOpenHandlers(handlers: OrUndefined<OpenHandlers>) {
  const { onEvent, logger, signal } = handlers;
  checkKind('onEvent', onEvent, 'a function', isFunction);
  checkKind('logger', logger, `an object with the methods ${LOGGER_METHODS.join(', ')}`, isLogger);
  checkKind('signal', signal, 'an AbortSignal', isSignal);
  const listener = harmless(onEvent);
  if (!logger) return { onEvent: listener, signal };
  const log = harmless(loggingTo(logger));
  return {
    onEvent: (event: RunEvent): void => {
      listener(event);
      log(event);
    },
    signal,
  };
}

/** @throws VirnucproError VNP_ARGUMENT */
export function resolveResultSettings(
  options: OrUndefined<PredictOptions>,
  { call = 'predict', names = PREDICT_OPTIONS }: { readonly call?: string; readonly names?: readonly string[] } = {},
): ResultSettings {
  checkNames(names, options, call);
  const { maxRecordLength } = options;
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
    maxRecordLength:
      maxRecordLength === undefined ? undefined : whole('maxRecordLength', maxRecordLength, Number.MAX_SAFE_INTEGER),
  };
}

/** @throws VirnucproError VNP_ARGUMENT */
export function resolveSourceOptions(
  given: SourceOptions,
  defaults: { readonly call: string; readonly source: string },
) {
  checkNames(SOURCE_OPTIONS, given, defaults.call);
  const { source, ...options } = given;
  const results = resolveResultSettings(options, { call: defaults.call, names: SOURCE_OPTIONS });
  checkKind('source', source, 'a name without control characters', isSourceName);
  return { results, handlers: resolveRunHandlers(options), source: source ?? defaults.source };
}

/** `-` would be standard input. */
function isSourceName(value: unknown): boolean {
  // eslint-disable-next-line no-control-regex
  return typeof value === 'string' && /^[^\u0000-\u001f\u007f]+$/.test(value) && value !== '-';
}

/** @throws VirnucproError VNP_ARGUMENT */
export function resolveRunHandlers(handlers: RunHandlers) {
  const { journal, standardInput, maxInputBytes, signal, onProgress } = handlers;
  const { progressInterval = DEFAULT_PROGRESS_INTERVAL } = handlers;
  if (maxInputBytes !== undefined) whole('maxInputBytes', maxInputBytes, Number.MAX_SAFE_INTEGER);
  checkKind('onProgress', onProgress, 'a function', isFunction);
  checkKind('signal', signal, 'an AbortSignal', isSignal);
  checkKind('standardInput', standardInput, 'an async iterable of bytes', isByteStream);
  checkKind('journal', journal, 'the path of a file', isText);
  if (!(progressInterval >= 0 && progressInterval <= 86_400)) {
    throw expected('VNP_ARGUMENT', 'seconds from 0 to 86400', 'progressInterval', String(progressInterval));
  }
  const memoryWarning = positiveFraction('memoryWarning', handlers.memoryWarning ?? DEFAULT_MEMORY_WARNING);
  return { journal, standardInput, maxInputBytes, signal, onProgress, progressInterval, memoryWarning };
}

/** @throws VirnucproError VNP_ARGUMENT for any other option, which the plan has already decided */
export function checkPlanHandlers(kind: 'open' | 'predict', handlers: OpenHandlers | RunHandlers): void {
  checkNames(kind === 'open' ? OPEN_HANDLERS : RUN_HANDLERS, handlers, `${kind} with a plan`);
}
