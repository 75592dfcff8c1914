import { Option } from 'commander';
import { DEFAULT_MIN_FRACTION, DEFAULT_THRESHOLD } from '../index.js';
import { LOG_FORMATS, LOG_LEVELS } from '../monitor/log.js';
import { fraction } from './option-values.js';

/** What `predict` and `call` have in common, each with one meaning. */

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
