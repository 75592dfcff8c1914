import { InvalidArgumentError, Option } from 'commander';
import type { DeviceChoice } from '../index.js';
import {
  DEFAULT_MIN_FRACTION,
  DEFAULT_PRECISION,
  DEFAULT_THRESHOLD,
  MAX_THREADS,
  PRECISIONS,
  SHIPPED_DEFAULT,
} from '../internal.js';
import { LOG_FORMATS, LOG_LEVELS } from '../monitor/log.js';

/** Option parsers: each takes the word behind the option and gives its value, or says what was expected. */

export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (word: string) => number {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  return (word) => {
    const value = /^\d+$/.test(word) ? Number(word) : NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number ${range}.`);
  };
}

const DECIMAL = /^\d*\.?\d+(e[+-]?\d+)?$/i;

export function fraction(word: string): number {
  const value = DECIMAL.test(word) ? Number(word) : NaN;
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a number from 0 to 1.');
}

export function seconds(word: string): number {
  const value = DECIMAL.test(word) ? Number(word) : NaN;
  if (value <= 86_400) return value;
  throw new InvalidArgumentError('Expected seconds, a number from 0 to 86400.');
}

/** A share of something that is none of it at 0: more than 0, up to 1. */
export function positiveFraction(word: string): number {
  const value = fraction(word);
  if (value > 0) return value;
  throw new InvalidArgumentError('Expected a number above 0, up to 1.');
}

/** Standard output takes one file, and a run writes several. */
export function resultDirectory(word: string): string {
  if (word !== '' && word !== '-') return word;
  const next = word === '' ? 'Give its name, . for the working directory' : 'Write ./- for a directory of that name';
  throw new InvalidArgumentError(`Expected a directory, for the results are several files. ${next}.`);
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Bytes, or a number of KiB, MiB, GiB or TiB: `8G`, `1.5GiB`, `900 MB`. */
export function memorySize(word: string): number {
  const [, digits = '', unit = ''] = /^(\d*\.?\d+)\s*([KMGT]?)(?:i?B)?$/i.exec(word) ?? [];
  const value = Math.floor(Number(digits) * UNITS[unit.toUpperCase()]!);
  if (digits !== '' && value >= 1 && value <= Number.MAX_SAFE_INTEGER) return value;
  throw new InvalidArgumentError('Expected a size of memory such as 8G or 900M.');
}

/** `auto`, `cpu`, `cuda`, or ids with commas between them. */
export function deviceChoice(word: string): DeviceChoice {
  if (word === 'auto' || word === 'cpu' || word === 'cuda') return word;
  return commaSeparated(word);
}

/** Numbers of GPUs, with commas between them: the ids of these devices. */
export function gpuNumbers(word: string): string[] {
  const parts = commaSeparated(word);
  if (parts.every((part) => /^\d+$/.test(part))) return parts.map((part) => `cuda:${Number(part)}`);
  throw new InvalidArgumentError('Expected numbers of GPUs with commas between them, as nvidia-smi shows them.');
}

export function commaSeparated(word: string): string[] {
  const parts = word.split(',').map((part) => part.trim());
  if (parts.every((part) => part !== '')) return parts;
  throw new InvalidArgumentError('Expected names with commas between them.');
}

/** The options that several commands have, each with one meaning. */

/** Which model is used without a name, for help texts. */
export const DEFAULT_MODEL = `default: the only one that is installed, or ${SHIPPED_DEFAULT} where none is`;

export function modelsOption(): Option {
  return new Option(
    '--models <dir>',
    'folder of the installed models (default: $VIRNUCPRO_MODELS, else $XDG_DATA_HOME/virnucpro/models)',
  );
}

export function trustOption(): Option {
  return new Option(
    '--trust',
    'open the model even if it was not made here; its archives are code that runs as you (see SECURITY.md)',
  );
}

export function threadsOption(): Option {
  return new Option('-t, --threads <n>', 'CPU threads for matrix work (default: all cores that are granted)').argParser(
    wholeNumber(1, MAX_THREADS),
  );
}

export function precisionOption(): Option {
  return new Option(
    '-p, --precision <type>',
    'number type of the matrix work; auto takes bf16 where every device computes it natively, else fp32',
  )
    .choices(PRECISIONS)
    .default(DEFAULT_PRECISION);
}

export function thresholdOption(): Option {
  return new Option('--threshold <score>', 'virus score from which a window is called virus')
    .argParser(fraction)
    .default(DEFAULT_THRESHOLD);
}

export function minFractionOption(): Option {
  return new Option('--min-fraction <fraction>', 'fraction of scored windows from which a contig is called virus')
    .argParser(fraction)
    .default(DEFAULT_MIN_FRACTION);
}

export function calibrationOption(): Option {
  return new Option('--no-calibration', 'scores as the classifier gives them, also where the model has a temperature');
}

export function logFormatOption(): Option {
  return new Option('--log-format <format>', 'form of the log on standard error').choices(LOG_FORMATS).default('text');
}

export function logLevelOption(): Option {
  return new Option('--log-level <level>', 'least level that is logged').choices(LOG_LEVELS).default('info');
}
