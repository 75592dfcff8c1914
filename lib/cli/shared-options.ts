import { Option } from 'commander';
import { DEFAULT_MIN_FRACTION, DEFAULT_THRESHOLD } from '../index.js';
import { LOG_FORMATS, LOG_LEVELS } from '../monitor/log.js';
import { fraction } from './option-values.js';

/** Options that `predict` and `call` share, with the same meaning. */

export function thresholdOption(): Option {
  return new Option('--threshold <score>', 'call a window virus if its virus score is at least this')
    .argParser(fraction)
    .default(DEFAULT_THRESHOLD);
}

export function minFractionOption(): Option {
  return new Option(
    '--min-fraction <fraction>',
    'call a contig virus if at least this fraction of its scored windows is',
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
