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

/** Option parsers: each turns an option's text into its value, or throws an error that says what was expected. */

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

/** A fraction that must not be 0. */
export function positiveFraction(word: string): number {
  const value = fraction(word);
  if (value > 0) return value;
  throw new InvalidArgumentError('Expected a number above 0, up to 1.');
}

/** Refuses `-`, because standard output takes one file and a run writes several. */
export function resultDirectory(word: string): string {
  if (word !== '' && word !== '-') return word;
  const next = word === '' ? 'Give its name, . for the working directory' : 'Write ./- for a directory of that name';
  throw new InvalidArgumentError(`Expected a directory, because the results are several files. ${next}.`);
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Bytes, or a number of KiB, MiB, GiB or TiB: `8G`, `1.5GiB`, `900 MB`. */
export function memorySize(word: string): number {
  const [, digits = '', unit = ''] = /^(\d*\.?\d+)\s*([KMGT]?)(?:i?B)?$/i.exec(word) ?? [];
  const value = Math.floor(Number(digits) * UNITS[unit.toUpperCase()]!);
  if (digits !== '' && value >= 1 && value <= Number.MAX_SAFE_INTEGER) return value;
  throw new InvalidArgumentError('Expected a memory size such as 8G or 900M.');
}

/** `auto`, `cpu`, `cuda`, or comma-separated ids. */
export function deviceChoice(word: string): DeviceChoice {
  if (word === 'auto' || word === 'cpu' || word === 'cuda') return word;
  return commaSeparated(word);
}

/** Comma-separated GPU numbers, as device ids. */
export function gpuNumbers(word: string): string[] {
  const parts = commaSeparated(word);
  if (parts.every((part) => /^\d+$/.test(part))) return parts.map((part) => `cuda:${Number(part)}`);
  throw new InvalidArgumentError('Expected comma-separated GPU numbers, as in nvidia-smi.');
}

export function commaSeparated(word: string): string[] {
  const parts = word.split(',').map((part) => part.trim());
  if (parts.every((part) => part !== '')) return parts;
  throw new InvalidArgumentError('Expected comma-separated names.');
}

/** Options that several commands share, with the same meaning. */

/** For help texts: the model that is used when none is named. */
export const DEFAULT_MODEL = `default: the only installed one, or ${SHIPPED_DEFAULT} if none is installed`;

export function modelsOption(): Option {
  return new Option(
    '--models <dir>',
    'folder of the installed models (default: $VIRNUCPRO_MODELS, else $XDG_DATA_HOME/virnucpro/models)',
  );
}

export function trustOption(): Option {
  return new Option(
    '--trust',
    'open the model even if it was not made on this machine; its archives are code that runs as you (see SECURITY.md)',
  );
}

export function threadsOption(): Option {
  return new Option(
    '-t, --threads <n>',
    'CPU threads for matrix products (default: all cores granted to the process)',
  ).argParser(wholeNumber(1, MAX_THREADS));
}

export function precisionOption(): Option {
  return new Option(
    '-p, --precision <type>',
    'number type of the matrix products; auto is bf16 if every device computes it natively, else fp32',
  )
    .choices(PRECISIONS)
    .default(DEFAULT_PRECISION);
}

export function thresholdOption(): Option {
  return new Option('--threshold <score>', 'call a window virus if its virus score is at least this')
    .argParser(fraction)
    .default(DEFAULT_THRESHOLD);
}

export function minFractionOption(): Option {
  return new Option(
    '--min-fraction <fraction>',
    'call a contig virus if at least this fraction of its scored windows is virus',
  )
    .argParser(fraction)
    .default(DEFAULT_MIN_FRACTION);
}

export function calibrationOption(): Option {
  return new Option('--no-calibration', 'do not calibrate the scores of a model that has a temperature');
}

export function logFormatOption(): Option {
  return new Option('--log-format <format>', 'format of the log on standard error')
    .choices(LOG_FORMATS)
    .default('text');
}

export function logLevelOption(): Option {
  return new Option('--log-level <level>', 'lowest level to log').choices(LOG_LEVELS).default('info');
}
