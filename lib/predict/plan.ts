import { PRECISIONS } from '../engine/devices/choose-devices.js';
import { prepareAddon } from '../engine/libtorch/load.js';
import { expected, VirnucproError } from '../errors.js';
import { checkInputs } from '../input/input-files.js';
import type { InputFile } from '../input/input-files.js';
import { JOURNAL_FORMAT, NO_TRIAGE } from '../journal/journal-key.js';
import type { RunKey, TriageKey } from '../journal/journal-key.js';
import { checkJournal } from '../journal/run-journal.js';
import type { OpenedModel } from '../models/folder/model-folder.js';
import { ModelRegistry, modelsFolder } from '../models/registry.js';
import { checkKind, checkNames, isFunction, isIterable, isText, isTexts, namesOf } from '../option-checks.js';
import { packageVersion } from '../package.js';
import { unlessAborted } from '../unless-aborted.js';
import {
  OPEN_OPTIONS,
  resolveModelSettings,
  resolveOpenHandlers,
  resolveResultSettings,
  resolveTriage,
} from './resolve-options.js';
import type { ModelSettings, OpenOptions, OrUndefined, PredictOptions, ResultSettings } from './options.js';
import { emitShippedModel } from './open-pool.js';
import { planDevices } from './plan-devices.js';
import type { DevicePlan } from './plan-devices.js';
import { hashesOf, triageKey } from './run-key.js';
import { findTriage } from './triage-model.js';
import type { FoundTriage } from './triage-model.js';

/** A model and how it is opened. Plain data. */
export interface ModelPlan {
  /** The model of the run. */
  readonly model: OpenedModel;
  /** The model that reads every window first, and which windows it decides. */
  readonly triage: FoundTriage | undefined;
  /** How it is opened: the options of `open`, with their defaults. */
  readonly settings: ModelSettings;
  /** Undefined until `planOnDevices` has looked at the devices, which requires libtorch. */
  readonly devices: DevicePlan | undefined;
}

/** Everything that decides a run's results, checked. Plain data. */
export interface RunPlan extends ModelPlan {
  /** As given. */
  readonly inputs: readonly string[];
  /** The files that the inputs stand for, in reading order. */
  readonly files: readonly InputFile[];
  /** What the user should know about the inputs, one sentence each. */
  readonly warnings: readonly string[];
  /** The options of `predict` that decide results, with their defaults. */
  readonly results: ResultSettings;
  /** Path of the journal of an unfinished run that this one resumes. */
  readonly journal: string | undefined;
}

export type PlannedOnDevices<Plan extends ModelPlan> = Plan & { readonly devices: DevicePlan };

/** The options of `open`, and those of `predict` that decide results. */
export type PrepareOptions = OrUndefined<
  OpenOptions &
    Pick<PredictOptions, 'threshold' | 'minFraction' | 'calibration' | 'sequences' | 'embeddings' | 'maxRecordLength'>
> & {
  /** Files, directories, or `-`: as `predict` takes them. */
  readonly inputs: string | readonly string[];
  /**
   * Path of a journal. If a run has left one there, the plan resumes that run: its precision, batch tokens, embeddings
   * and triage are used unless they are given. Defaults to none.
   */
  readonly journal?: string | undefined;
  /** Called with each warning about the inputs, one sentence, as soon as it is found. Defaults to none. */
  readonly onWarning?: ((text: string) => void) | undefined;
};

const PREPARE_OPTIONS = [
  ...OPEN_OPTIONS,
  ...namesOf<Omit<PrepareOptions, keyof OpenOptions>>({
    inputs: true,
    journal: true,
    onWarning: true,
    threshold: true,
    minFraction: true,
    calibration: true,
    sequences: true,
    embeddings: true,
    maxRecordLength: true,
  }),
];

/**
 * Checks everything that a run needs, without loading a model, and decides what the options leave open. `open` and
 * `predict` accept the plan in place of their options.
 * @throws VirnucproError VNP_ARGUMENT, VNP_USAGE, VNP_INPUT_MISSING, VNP_INPUT_FORMAT, VNP_MODEL_MISSING,
 *   VNP_MODEL_INVALID, VNP_MODEL_UNTRUSTED, VNP_RESUME, VNP_OUTPUT, VNP_LIBTORCH, VNP_DEVICE, VNP_MEMORY; the signal's
 *   reason
 */
export async function prepare(options: PrepareOptions): Promise<PlannedOnDevices<RunPlan>> {
  const plan = await planRun(options);
  const { journal, signal } = options;
  const resumed = journal === undefined ? plan : await unlessAborted(resumedPlan(plan, journal, options), signal);
  return planOnDevices(resumed, signal);
}

/** The first part of `prepare`: inputs, models and options, without the journal and the devices. */
export async function planRun(options: PrepareOptions): Promise<RunPlan> {
  checkNames(PREPARE_OPTIONS, options, 'prepare');
  const { inputs: given, journal, onWarning, ...others } = options;
  checkKind('journal', journal, 'the path of a file', isText);
  checkKind('onWarning', onWarning, 'a function', isFunction);
  const { threshold, minFraction, calibration, sequences, embeddings, maxRecordLength, ...open } = others;
  const inputs = inputPaths(given, 'prepare');
  const chosen = { threshold, minFraction, calibration, sequences, embeddings, maxRecordLength };
  const results = resolveResultSettings(chosen);
  // Refuses wrong options before the inputs are looked at, which takes longer; `planModels` resolves them.
  resolveModelSettings(open);
  const warnings: string[] = [];
  const onInputWarning = (text: string): void => {
    warnings.push(text);
    onWarning?.(text);
  };
  const files = await checkInputs(inputs, { onWarning: onInputWarning, signal: options.signal });
  const plan = await planModels(open);
  checkEmbeddings(plan, results);
  return { ...plan, inputs, files, warnings, results, journal: undefined };
}

/** Whether it is a plan, and not an iterable of records, which may have any properties of its own. */
export function isRunPlan(given: unknown): given is RunPlan {
  const object = Object(given) as object;
  return !isIterable(object) && Object.hasOwn(object, 'results') && Object.hasOwn(object, 'settings');
}

/** @throws VirnucproError VNP_ARGUMENT */
export function inputPaths(inputs: string | readonly string[], call: string): readonly string[] {
  const paths = typeof inputs === 'string' ? [inputs] : inputs;
  if (isTexts(paths)) return paths;
  throw expected('VNP_ARGUMENT', 'a path or an array of paths', call, typeof inputs);
}

/** @throws VirnucproError VNP_USAGE */
export function checkEmbeddings({ triage }: ModelPlan, { embeddings }: ResultSettings): void {
  if (!triage || !embeddings) return;
  throw new VirnucproError(
    'VNP_USAGE',
    'Embeddings (`embeddings`) cannot be combined with triage (`triage`): the windows that ' +
      `${triage.model.name} decides would have another model's embeddings. Leave one of them out`,
  );
}

/** Finds the models. @throws the signal's reason, and what `prepare` throws for the options of `open` */
export async function planModels(options: OrUndefined<OpenOptions>): Promise<ModelPlan> {
  const settings = resolveModelSettings(options);
  const choice = options.triage === undefined ? undefined : resolveTriage(options.triage);
  const { onEvent, signal } = resolveOpenHandlers(options);
  const { trust = false } = options;
  const registry = new ModelRegistry(modelsFolder(options.models));
  const model = await unlessAborted(registry.findTrusted(options.model, { trust }), signal);
  emitShippedModel(options.model, model, onEvent);
  const triage = choice && (await unlessAborted(findTriage(registry, choice, model, { trust }), signal));
  return { model, triage, settings, devices: undefined };
}

/**
 * The part of `prepare` about the journal: the plan that resumes the run that left it. What affects numbers and is left
 * open by the plan is taken from that run, whatever this machine would have chosen. Without such a run, it is the plan
 * itself.
 * @throws VirnucproError VNP_RESUME naming what differs from the plan, VNP_OUTPUT, and what `findTriage` throws
 */
export async function resumedPlan(
  plan: RunPlan,
  journal: string,
  { models, trust = false }: OrUndefined<Pick<OpenOptions, 'models' | 'trust'>>,
): Promise<RunPlan> {
  const { model, settings, results } = plan;
  const { precision, engine, proteinBatchTokens, dnaBatchTokens } = settings;
  // The type demands every part of the key, so that none is forgotten. Where it is undefined, the journal decides.
  const wanted = {
    ...hashesOf(model),
    format: JOURNAL_FORMAT,
    virnucpro: packageVersion,
    libtorch: undefined,
    chunkSize: model.chunkSize,
    engine,
    precision: precision === 'auto' ? undefined : precision,
    proteinBatchTokens,
    dnaBatchTokens,
    embeddings: results.embeddings || undefined,
    devices: undefined,
  } satisfies Record<Exclude<keyof RunKey, keyof TriageKey>, unknown>;
  const begun = await checkJournal(journal, { ...wanted, ...(plan.triage && triageKey(plan.triage)) });
  if (!begun) return plan;
  const { triageModel, triageOthersBelow: othersBelow, triageVirusAtLeast: virusAtLeast } = begun;
  const choice = begun.triage === NO_TRIAGE ? undefined : { model: triageModel, othersBelow, virusAtLeast };
  const registry = new ModelRegistry(modelsFolder(models));
  return {
    ...plan,
    journal,
    // The model may have been renamed since then.
    triage: plan.triage ?? (choice && (await findTriage(registry, choice, model, { trust }))),
    settings: {
      ...settings,
      precision: PRECISIONS.find((one) => one === begun.precision) ?? precision,
      proteinBatchTokens: begun.proteinBatchTokens,
      dnaBatchTokens: begun.dnaBatchTokens,
    },
    results: { ...results, embeddings: begun.embeddings },
  };
}

/** The last part of `prepare`: decides the devices and the precision of the models. */
export async function planOnDevices<Plan extends ModelPlan>(
  plan: Plan,
  signal?: AbortSignal,
): Promise<PlannedOnDevices<Plan>> {
  const { devices } = plan;
  if (devices) return { ...plan, devices };
  return { ...plan, devices: planDevices(await prepareAddon(signal), sizesOf(plan), plan.settings) };
}

/** Everything that a device must have room for. */
export function sizesOf({ model, triage }: ModelPlan): Parameters<typeof planDevices>[1] {
  return { dna: model.dna, protein: model.protein, beside: triage?.model };
}
