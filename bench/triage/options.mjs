// @ts-check
import { parseArgs } from 'node:util';
import { inRepository } from '../../scripts/setup/repository.mjs';

export const usage = `Says what \`predict --triage\` would save and change, from the stored scores of two runs over the same input.

  node bench/triage/triage.mjs --small PATH --large PATH [options]

  --small PATH           results of the model that would do the triage: a directory that \`predict\` has written, or a table
                         with the columns contig, window, virus_score and, if there, frames (see docs/triage.md)
  --large PATH           the same for the model that would read the rest
  --truth FILE           table with the columns contig and truth (\`virus\` or \`other\`): counts wrong calls, too
  --others-below A,B     thresholds to try (default 0,0.005,0.01,0.02,0.05,0.1)
  --virus-at-least A,B   (default 0.9,0.95,0.98,0.99,0.995,1.01); above 1 is never
  --threshold SCORE      lowest virus score at which a window is called virus (default 0.5)
  --min-fraction SHARE   lowest fraction of virus among scored windows at which a contig is called virus (default 0.5)
  --name NAME            name of the files that are written (default triage-SMALL-LARGE)
  --out DIR              where they go (default bench/results)
`;

/** @typedef {ReturnType<typeof readOptions>} Options */

/** @param {string[]} words */
export function readOptions(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      small: { type: 'string' },
      large: { type: 'string' },
      truth: { type: 'string' },
      'others-below': { type: 'string', default: '0,0.005,0.01,0.02,0.05,0.1' },
      'virus-at-least': { type: 'string', default: '0.9,0.95,0.98,0.99,0.995,1.01' },
      threshold: { type: 'string', default: '0.5' },
      'min-fraction': { type: 'string', default: '0.5' },
      name: { type: 'string' },
      out: { type: 'string', default: inRepository('bench', 'results') },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return {
    ...{ help: values.help, small: values.small, large: values.large, truth: values.truth },
    ...{ name: values.name, out: values.out },
    othersBelow: numbers('--others-below', values['others-below']),
    virusAtLeast: numbers('--virus-at-least', values['virus-at-least']),
    rule: {
      threshold: number('--threshold', values.threshold),
      minFraction: number('--min-fraction', values['min-fraction']),
    },
  };
}

/** @param {string} option @param {string} text */
function numbers(option, text) {
  return text.split(',').map((word) => number(option, word));
}

/** @param {string} option @param {string} text */
function number(option, text) {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!(value >= 0)) {
    throw new Error(`Expected numbers of at least 0 for ${option} but received ${JSON.stringify(text)}`);
  }
  return value;
}
