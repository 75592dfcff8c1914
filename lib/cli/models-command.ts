import { Command, Option } from 'commander';
import {
  DEFAULT_CHUNK_SIZE,
  DEFAULT_DNA_SIZE,
  DEFAULT_SEED,
  DNABERT_SIZES,
  ESM2_SIZES,
  createRandomModel,
  importModel,
  inspectModel,
  listModels,
  removeModel,
  trustModel,
} from '../models.js';
import type {
  EmbeddingImportOptions,
  EmbeddingRandomOptions,
  ImportOptions,
  InspectedModel,
  ModelProgress,
  RandomOptions,
  TriageThresholds,
} from '../models.js';
import { DATA_TYPES } from '../internal.js';
import type { DataType } from '../internal.js';
import { EXIT } from './exit-codes.js';
import { DEFAULT_MODEL, modelsOption, wholeNumber } from './option-values.js';
import { bytes as bytesText } from '../monitor/quantities.js';

interface Location {
  models?: string;
}

export function modelsCommand(): Command {
  return new Command('models')
    .description('Imports, lists, trusts and removes models.')
    .addCommand(importCommand())
    .addCommand(randomCommand())
    .addCommand(listCommand())
    .addCommand(inspectCommand())
    .addCommand(trustCommand())
    .addCommand(removeCommand());
}

function importCommand(): Command {
  interface Options extends Location {
    name: string;
    esm?: string;
    dna?: string;
    classifier?: string;
    chunkSize?: number;
    dtype: 'keep' | DataType;
    card?: string;
    calibration?: string;
    force?: boolean;
  }
  return new Command('import')
    .addOption(modelsOption())
    .description(
      'Makes a model from published checkpoints. They are read as data; nothing in them is run. A model for predictions ' +
        'needs --esm, --dna, --classifier and --chunk-size; with --esm, --dna or both alone, it makes embeddings only.',
    )
    .requiredOption('--name <name>', 'name to install the model under')
    .option('--esm <path>', 'ESM-2: a fair-esm .pt file or a transformers directory')
    .option('--dna <dir>', 'DNABERT-S or DNABERT-2: its directory, including tokenizer.json')
    .option('--classifier <file>', 'the classifier: 300_model.pth or 500_model.pth')
    .option('--chunk-size <bases>', 'chunk size of that classifier: 300, 500 or another', wholeNumber(1))
    .addOption(
      new Option('--dtype <type>', 'number type of the stored weights; keep: as in the checkpoints')
        .choices(['keep', ...DATA_TYPES])
        .default('keep'),
    )
    .option('--card <file>', "the model's card in Markdown: what it was trained on and what it can do")
    .option('--calibration <file>', 'JSON with a "temperature", "triage" thresholds or both, as training writes it')
    .option('-f, --force', 'replace an installed model of that name')
    .action(async ({ force = false, esm, ...options }: Options) => {
      const given = { ...options, ...(esm !== undefined && { protein: esm }) } as
        ImportOptions | EmbeddingImportOptions;
      const model = await importModel({ ...given, overwrite: force, onProgress: printProgress });
      console.log(`installed ${model.name} in ${model.folder}`);
    });
}

function randomCommand(): Command {
  interface Options extends Location {
    name: string;
    esm?: string;
    dna?: string;
    seed: number;
    classifier: boolean;
    chunkSize?: number;
    dtype?: DataType;
    force?: boolean;
  }
  return new Command('random')
    .addOption(modelsOption())
    .description(
      'Makes a model with random weights of a published size, for benchmarks. Its scores and embeddings are meaningless.',
    )
    .requiredOption('--name <name>', 'name to install the model under')
    .addOption(new Option('--esm <size>', 'size of ESM-2').choices([...ESM2_SIZES.keys()]))
    .addOption(
      new Option(
        '--dna <size>',
        `size of the DNA model (default: ${DEFAULT_DNA_SIZE}, without a classifier none)`,
      ).choices([...DNABERT_SIZES.keys()]),
    )
    .option('--no-classifier', 'a model for embeddings only, of --esm, --dna or both')
    .option('--seed <n>', 'seed of the weights', wholeNumber(0), DEFAULT_SEED)
    .option('--chunk-size <bases>', `length of a window (default: ${DEFAULT_CHUNK_SIZE})`, wholeNumber(1))
    .addOption(
      new Option(
        '--dtype <type>',
        'number type of the stored weights (default: that of the published weights)',
      ).choices(DATA_TYPES),
    )
    .option('-f, --force', 'replace an installed model of that name')
    .action(async ({ force = false, esm, ...options }: Options) => {
      const given = { ...options, ...(esm !== undefined && { protein: esm }) } as
        RandomOptions | EmbeddingRandomOptions;
      const model = await createRandomModel({ ...given, overwrite: force, onProgress: printProgress });
      const results = model.classifier ? 'predictions' : 'embeddings';
      console.log(`installed ${model.name} in ${model.folder} (random weights: its ${results} are meaningless)`);
    });
}

function listCommand(): Command {
  return new Command('list')
    .addOption(modelsOption())
    .description('Lists the installed models and those that came with this program.')
    .option('--json', 'print JSON')
    .action(async ({ json, ...location }: Location & { json?: boolean }) => {
      const models = await listModels(location);
      if (json) {
        console.log(JSON.stringify(models, null, 2));
        return;
      }
      if (models.length === 0)
        console.log('no model is installed; `virnucpro models import --help` says how to get one');
      for (const { name, model, problem } of models)
        console.log(`${name}\t${model ? oneLine(model) : `damaged: ${problem ?? ''}`}`);
      if (models.some(({ problem }) => problem !== undefined)) process.exitCode = EXIT.failed;
    });
}

function inspectCommand(): Command {
  return new Command('inspect')
    .addOption(modelsOption())
    .description('Describes a model in full.')
    .argument('[name]', `the model (${DEFAULT_MODEL})`)
    .option('--json', 'print JSON')
    .action(async (name: string | undefined, { json, ...location }: Location & { json?: boolean }) => {
      const model = await inspectModel(name, location);
      console.log(json ? JSON.stringify(model, null, 2) : describe(model));
    });
}

function trustCommand(): Command {
  return new Command('trust')
    .addOption(modelsOption())
    .description(
      'Records that you trust a model that was not made on this machine, in its present state. Its archives are code ' +
        'that runs as you. First they are compared with the hashes in its pipeline.json.',
    )
    .argument('<name>', 'the model')
    .action(async (name: string, location: Location) => {
      const onRead = (bytes: number): void => console.error(`checking the model's files, ${bytesText(bytes)}`);
      const model = await trustModel(name, { ...location, onRead });
      console.log(`trusted ${name}, sha256 of its pipeline.json ${model.pipelineSha256}`);
    });
}

function removeCommand(): Command {
  return new Command('remove')
    .addOption(modelsOption())
    .description('Deletes an installed model.')
    .argument('<name>', 'the model')
    .action(async (name: string, location: Location) => {
      await removeModel(name, location);
      console.log(`removed ${name}`);
    });
}

function printProgress({ part, step }: ModelProgress): void {
  const doing = { read: 'reading', write: 'writing', hash: 'checking' }[step];
  console.error(`${doing} the ${part} part`);
}

const EMBEDDINGS_ONLY = 'embeddings only';

function oneLine({ chunkSize, parts, bytes, shipped, temperature, card, random, trusted }: InspectedModel): string {
  const fields = [
    chunkSize === undefined ? EMBEDDINGS_ONLY : `windows of ${chunkSize}`,
    parts.map(({ family, parameters }) => `${family} ${millions(parameters)}`).join(', '),
    megabytes(bytes),
    shipped ? 'shipped' : 'installed',
    temperature !== undefined && `temperature ${temperature}`,
    card && `card ${card.path}`,
    random && 'random weights',
    !trusted && 'not trusted',
  ];
  return fields.filter(Boolean).join('\t');
}

function describe(model: InspectedModel): string {
  const lines = [
    `name        ${model.name}${model.random ? ' (random weights: not for predictions)' : ''}`,
    `folder      ${model.folder}`,
    `windows     ${model.chunkSize === undefined ? `none: ${EMBEDDINGS_ONLY}` : `${model.chunkSize} bases`}`,
    ...(model.tokens === undefined ? [] : [`tokenizer   ${model.tokens} tokens`]),
    `size        ${megabytes(model.bytes)}`,
    `origin      ${model.shipped ? 'shipped: came with this program' : 'installed'}`,
    `card        ${model.card?.path ?? 'none'}`,
    `calibrated  ${model.temperature === undefined ? 'no' : `with the temperature ${model.temperature}`}`,
    ...model.triage.map(triageLine),
    `trusted     ${model.trusted ? 'yes' : `no: not made here, or changed since; see virnucpro models trust --help`}`,
  ];
  for (const part of model.parts) {
    const { family, ...sizes } = part.architecture;
    const named = Object.entries(sizes).map(([name, size]) => `${name} ${size}`);
    lines.push(
      '',
      part.part,
      `  family      ${family}, ${millions(part.parameters)} parameters, ${part.dtype}`,
      `  sizes       ${named.join(', ')}`,
      `  made from   ${part.source}${part.sourceSha256 ? `, sha256 ${part.sourceSha256}` : ''}`,
      `  archive     ${part.archive}, ${megabytes(part.bytes)}, sha256 ${part.sha256}`,
      `  made by     ${part.createdBy}`,
    );
  }
  return lines.join('\n');
}

function triageLine({ chunkSize, othersBelow, virusAtLeast }: TriageThresholds): string {
  return `triage      windows of ${chunkSize}: sure below ${othersBelow} and at or above ${virusAtLeast}`;
}

function millions(count: number): string {
  return `${(count / 1e6).toFixed(1)}M`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
