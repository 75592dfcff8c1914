import { expected } from '../errors.js';
import { PART_NAMES } from '../models/folder/model-folder.js';
import type { OpenedModel } from '../models/folder/model-folder.js';
import { SHIPPED_DEFAULT } from '../models/registry.js';
import type { ModelRegistry } from '../models/registry.js';
import type { TriageChoice } from './options.js';
import type { TriageRule } from '../scoring/calls.js';

/** Short names of models; an installed model of exactly that name takes precedence. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([['mini', SHIPPED_DEFAULT]]);

/** A model that does triage before another, and the scores at which it decides. */
export interface FoundTriage {
  readonly model: OpenedModel;
  readonly rule: TriageRule;
}

/**
 * Finds the model that does triage before another.
 *
 * @throws VirnucproError VNP_USAGE if it is the same model, or has no thresholds for this chunk size and none are
 *   given, or `othersBelow` is above `virusAtLeast`; and what `ModelRegistry.findTrusted` throws
 */
export async function findTriage(
  registry: ModelRegistry,
  choice: TriageChoice,
  model: OpenedModel,
  { trust }: { readonly trust: boolean },
): Promise<FoundTriage> {
  const isInstalled = (await registry.list()).includes(choice.model);
  const name = isInstalled ? choice.model : (SHORT_NAMES.get(choice.model) ?? choice.model);
  const triage = await registry.findTrusted(name, { trust });
  const isSame = triage.name === model.name || PART_NAMES.every((part) => triage[part].sha256 === model[part].sha256);
  if (isSame) {
    const next = 'It would save nothing as triage: leave it out, or choose a smaller model';
    throw expected('VNP_USAGE', `a model other than ${model.name}`, 'triage', name, next);
  }
  return { model: triage, rule: ruleOf(triage, choice, model.chunkSize) };
}

function ruleOf(triage: OpenedModel, choice: TriageChoice, chunkSize: number): TriageRule {
  const measured = triage.triage.find((thresholds) => thresholds.chunkSize === chunkSize);
  const othersBelow = choice.othersBelow ?? measured?.othersBelow;
  const virusAtLeast = choice.virusAtLeast ?? measured?.virusAtLeast;
  if (othersBelow === undefined || virusAtLeast === undefined) {
    const lengths = triage.triage.map((one) => one.chunkSize).join(', ');
    throw expected(
      'VNP_USAGE',
      `a model with triage thresholds for windows of ${chunkSize} bases`,
      'triage',
      `${triage.name}, which has ${lengths ? `them for windows of ${lengths}` : 'none'}`,
      'Choose another one, or set the thresholds `othersBelow` and `virusAtLeast`',
    );
  }
  if (othersBelow > virusAtLeast) {
    const what = `at most ${virusAtLeast} (the upper threshold)`;
    throw expected('VNP_USAGE', what, 'the lower triage threshold', String(othersBelow));
  }
  return { othersBelow, virusAtLeast };
}
