import { loadAddon, prepareAddon } from '../engine/libtorch/load.js';
import { expected, VirnucproError } from '../errors.js';
import { checkInputs } from '../input/input-files.js';
import type { InputFile } from '../input/input-files.js';
import type { OpenedModel } from '../models/folder/model-folder.js';
import { ModelRegistry, modelsFolder } from '../models/registry.js';
import { unlessAborted } from '../unless-aborted.js';
import { continuedPlan } from './run-key.js';
import { resolveModelSettings, resolveOpenHandlers, resolveResultSettings, resolveTriage } from './options.js';
import type { ModelSettings, OpenOptions, OrUndefined, PredictOptions, ResultSettings } from './options.js';
import { planDevices } from './plan-devices.js';
import type { DevicePlan } from './plan-devices.js';
import { findTriage } from './triage-model.js';
import type { FoundTriage } from './triage-model.js';

/** A model, and with what it is opened. Plain data. */
export interface ModelPlan {
  readonly model: OpenedModel;
  /** The model that reads every window before it, and which windows it decides. */
  readonly triage: FoundTriage | undefined;
  readonly settings: ModelSettings;
  /** Undefined until `planOnDevices` has looked at them: that takes libtorch. */
  readonly devices: DevicePlan | undefined;
}

/** All that decides the results of a run, checked. Plain data. */
export interface RunPlan extends ModelPlan {
  /** As they were given. */
  readonly inputs: readonly string[];
  /** The files that these stand for, in the order in which they are read. */
  readonly files: readonly InputFile[];
  /** What should be known of the inputs, a sentence each. */
  readonly warnings: readonly string[];
  readonly results: ResultSettings;
  /** Path of the journal of an unfinished run that this one goes on with. */
  readonly journal: string | undefined;
}

export type PlannedOnDevices<Plan extends ModelPlan> = Plan & { readonly devices: DevicePlan };

/** The options of `open` and of `predict` together, but for those that decide no result. */
export type PrepareOptions = OrUndefined<
  OpenOptions & Pick<PredictOptions, 'threshold' | 'minFraction' | 'calibration' | 'sequences' | 'embeddings'>
> & {
  /** Files, directories, or `-`: as `predict` takes them. */
  readonly inputs: string | readonly string[];
  /**
   * Path of a journal. Where a run has left one there, the plan is that of going on with it: precision, tokens of a batch,
   * embeddings and triage are those of that run unless they are given. Defaults to none.
   */
  readonly journal?: string | undefined;
  /** Called with what should be known of the inputs, a sentence each, as soon as it is found. Defaults to nobody. */
  readonly onWarning?: ((text: string) => void) | undefined;
};

/**
 * Checks all that a run needs, without loading a model, and decides what the options leave open. `open` and `predict` take
 * the plan in place of their options.
 * @throws VirnucproError VNP_ARGUMENT, VNP_USAGE, VNP_INPUT_MISSING, VNP_INPUT_FORMAT, VNP_MODEL_MISSING,
 *   VNP_MODEL_INVALID, VNP_MODEL_UNTRUSTED, VNP_RESUME, VNP_OUTPUT, VNP_LIBTORCH, VNP_DEVICE, VNP_MEMORY; the signal's
 *   reason
 */
export async function prepare(options: PrepareOptions): Promise<PlannedOnDevices<RunPlan>> {
  const plan = await planRun(options);
  const { journal, signal } = options;
  const continued = journal === undefined ? plan : await unlessAborted(continuedPlan(plan, journal, options), signal);
  return planOnDevices(continued, signal);
}

/** The first part of `prepare`: inputs, models and options, without the journal and the devices. */
export async function planRun(options: PrepareOptions): Promise<RunPlan> {
  const { inputs: given, journal: _journal, onWarning, ...others } = options;
  const { threshold, minFraction, calibration, sequences, embeddings, ...open } = others;
  const inputs = inputPaths(given, 'prepare');
  const results = resolveResultSettings({ threshold, minFraction, calibration, sequences, embeddings });
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

/** @throws VirnucproError VNP_ARGUMENT */
export function inputPaths(inputs: string | readonly string[], call: string): readonly string[] {
  const paths = typeof inputs === 'string' ? [inputs] : inputs;
  if (Array.isArray(paths) && paths.every((path) => typeof path === 'string')) return paths;
  throw expected('VNP_ARGUMENT', 'a path or an array of paths', call, typeof inputs);
}

/** @throws VirnucproError VNP_USAGE */
export function checkEmbeddings({ triage }: ModelPlan, { embeddings }: ResultSettings): void {
  if (!triage || !embeddings) return;
  throw new VirnucproError(
    'VNP_USAGE',
    'Embeddings (--save-embeddings) cannot be combined with triage (--triage): those of the windows that ' +
      `${triage.model.name} decides would be another model's. Leave one of them out`,
  );
}

/** Finds the models. @throws the signal's reason, and as `prepare` does for the options of `open` */
export async function planModels(options: OrUndefined<OpenOptions>): Promise<ModelPlan> {
  const settings = resolveModelSettings(options);
  const choice = options.triage === undefined ? undefined : resolveTriage(options.triage);
  const { onEvent, signal } = resolveOpenHandlers(options);
  const { trust = false } = options;
  const registry = new ModelRegistry(modelsFolder(options.models));
  const model = await unlessAborted(registry.findTrusted(options.model, { trust }), signal);
  // Without a name that is only where none is installed.
  if (options.model === undefined && model.shipped) {
    onEvent({ event: 'shipped-model', model: model.name, card: model.card?.path ?? null });
  }
  const triage = choice && (await unlessAborted(findTriage(registry, choice, model, { trust }), signal));
  return { model, triage, settings, devices: undefined };
}

/** The last part of `prepare`: where and in which precision the models are computed. */
export async function planOnDevices<Plan extends ModelPlan>(
  plan: Plan,
  signal?: AbortSignal,
): Promise<PlannedOnDevices<Plan>> {
  const { devices } = plan;
  if (devices) return { ...plan, devices };
  await unlessAborted(prepareAddon(), signal);
  return { ...plan, devices: planDevices(loadAddon(), sizesOf(plan), plan.settings) };
}

/** All that a device has to have room for. */
export function sizesOf({ model, triage }: ModelPlan): Parameters<typeof planDevices>[1] {
  return { dna: model.dna, protein: model.protein, beside: triage?.model };
}
