import { readFile, realpath } from 'node:fs/promises';
import type { Pool } from '../engine/addon.js';
import { findLanguageModel } from '../embed/open-language-model.js';
import type { LanguageModel } from '../embed/open-language-model.js';
import { checkLayer, resolveEmbedderOptions } from '../embed/options.js';
import type { EmbedderOptions, EmbedderSettings } from '../embed/options.js';
import { filesOf } from '../embedding-files/vector-files.js';
import { formatOfPath } from '../embedding-files/formats.js';
import type { EmbeddingFormat } from '../embedding-files/formats.js';
import { PRECISIONS } from '../engine/devices/choose-devices.js';
import { expected } from '../errors.js';
import { checkInputs } from '../input/input-files.js';
import type { InputFile } from '../input/input-files.js';
import { checkEmbeddingJournal, EMBEDDING_JOURNAL_FORMAT } from '../journal/embedding-journal.js';
import { packageVersion } from '../package.js';
import type { OrUndefined } from '../predict/options.js';

/** What to embed, how, and into which file. */
export type EmbeddingRunRequest = OrUndefined<Omit<EmbedderOptions, 'part' | 'layer' | 'pool'>> & {
  readonly inputs: readonly string[];
  readonly part: EmbedderOptions['part'];
  /** Indices, see EmbedderOptions. Defaults to the last layer. */
  readonly layers?: readonly number[] | undefined;
  readonly pool: Pool;
  /** Path of the file or, with the format `pt` and another extension, of a folder. */
  readonly output: string;
  /** Defaults to what the extension of `output` names. */
  readonly format?: EmbeddingFormat | undefined;
  /** Called with each warning about the inputs, one sentence, as soon as it is found. */
  readonly onWarning?: ((text: string) => void) | undefined;
};

/** A run of embeddings, checked. Plain data, except the handlers. */
export interface EmbeddingPlan {
  readonly inputs: readonly string[];
  /** The files that the inputs stand for, in reading order. */
  readonly files: readonly InputFile[];
  readonly warnings: readonly string[];
  readonly language: LanguageModel;
  readonly settings: EmbedderSettings;
  readonly layers: readonly number[];
  readonly pool: Pool;
  readonly output: string;
  readonly format: EmbeddingFormat;
}

/**
 * Checks inputs, options and model, without loading it.
 * @throws VirnucproError VNP_ARGUMENT, VNP_USAGE, VNP_INPUT_MISSING, VNP_INPUT_FORMAT, VNP_MODEL_MISSING,
 *   VNP_MODEL_INVALID, VNP_MODEL_UNTRUSTED; the signal's reason
 */
export async function planEmbeddings(request: EmbeddingRunRequest): Promise<EmbeddingPlan> {
  const { inputs, layers: asked, pool, output, format: given, onWarning, ...rest } = request;
  const options = withoutUndefined(rest);
  const settings = resolveEmbedderOptions(options);
  const format = given ?? formatOfPath(output);
  const warnings: string[] = [];
  const onInputWarning = (text: string): void => {
    warnings.push(text);
    onWarning?.(text);
  };
  const { signal } = settings.handlers;
  const files = await checkInputs(inputs, { letters: settings.part, onWarning: onInputWarning, signal });
  await refuseOverwriting(files, format, output);
  const language = await findLanguageModel(options);
  const most = language.opened.architecture.layers;
  const layers = asked ?? [most];
  for (const layer of layers) checkLayer(layer, most, '`layers`');
  const twice = layers.find((layer, index) => layers.indexOf(layer) !== index);
  if (twice !== undefined) throw expected('VNP_ARGUMENT', 'every layer once', '`layers`', `${twice} twice`);
  return { inputs, files, warnings, language, settings, layers, pool, output, format };
}

function withoutUndefined(options: OrUndefined<EmbedderOptions> & Pick<EmbedderOptions, 'part'>): EmbedderOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as EmbedderOptions;
}

/** @throws VirnucproError VNP_USAGE */
async function refuseOverwriting(files: readonly InputFile[], format: EmbeddingFormat, output: string): Promise<void> {
  const real = (path: string): Promise<string> => realpath(path).catch(() => path);
  const results = await Promise.all(filesOf(format, output).map(real));
  for (const { path } of files) {
    if (!results.includes(await real(path))) continue;
    throw expected('VNP_USAGE', 'an input that is not the output', 'the input', path, 'Choose another output');
  }
}

/**
 * The plan that resumes the run that left a journal: what affects numbers and is left open is taken from that run.
 * Without such a run, it is the plan itself.
 * @throws VirnucproError VNP_RESUME naming what differs from the plan, VNP_OUTPUT
 */
export async function resumedEmbeddings(plan: EmbeddingPlan, journal: string): Promise<EmbeddingPlan> {
  const { settings, language, layers, pool } = plan;
  const { model } = settings;
  const begun = await checkEmbeddingJournal(journal, {
    ...{ embeddings: EMBEDDING_JOURNAL_FORMAT, virnucpro: packageVersion, part: settings.part },
    ...{ archive: language.opened.sha256, layers, pool, width: language.opened.architecture.width },
    ...{ longSequences: settings.longSequences, maxLength: settings.maxLength },
    precision: model.precision === 'auto' ? undefined : model.precision,
    batchTokens: batchTokensOf(settings),
  });
  if (!begun) return plan;
  const { batchTokens } = begun;
  const precision = PRECISIONS.find((one) => one === begun.precision) ?? model.precision;
  const resumed = { ...model, precision, proteinBatchTokens: batchTokens, dnaBatchTokens: batchTokens };
  return { ...plan, settings: { ...settings, model: resumed } };
}

/** Undefined unless given. */
function batchTokensOf({ part, model }: EmbedderSettings): number | undefined {
  return part === 'dna' ? model.dnaBatchTokens : model.proteinBatchTokens;
}

/** Reads a file that may be missing. */
export async function textOrNothing(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
