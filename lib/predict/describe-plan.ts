import { counted } from '../errors.js';
import { checkGiven } from '../option-checks.js';
import { isRunPlan } from './plan.js';
import type { RunPlan } from './plan.js';
import type { DevicePlan } from './plan-devices.js';
import { temperatureOf, UNCALIBRATED } from '../scoring/frame-scores.js';

/**
 * A plan in words, one line for each decision: what `predict --dry-run` prints.
 * @throws VirnucproError VNP_ARGUMENT
 */
export function describePlan(plan: RunPlan): string[] {
  checkGiven('describePlan', plan, 'a plan, as `prepare` returns it', isRunPlan);
  const { model, triage, settings, results, devices, journal } = plan;
  const { rule, calibration, sequences, embeddings } = results;
  const temperature = temperatureOf(model, calibration);
  return [
    line('inputs', inputsText(plan)),
    line('model', `${model.name}, chunk size ${counted(model.chunkSize, 'base')}${randomText(model)}`),
    line('triage', triage ? triageText(triage) : 'none'),
    ...(devices ? devicesText(devices) : []),
    line('engine', settings.engine),
    line(
      'calls',
      `windows at a virus score of ${rule.threshold}, contigs at ${rule.minFraction} of their scored windows`,
    ),
    line('scores', temperature === UNCALIBRATED ? 'as the classifier gives them' : `at temperature ${temperature}`),
    line(
      'also written',
      [...(sequences ? ['sequences'] : []), ...(embeddings ? ['embeddings'] : [])].join(', ') || 'nothing',
    ),
    line('journal', journal === undefined ? 'a new one' : `resumes the unfinished run in ${journal}`),
  ];
}

const LABEL_WIDTH = 14;

function line(label: string, text: string): string {
  return `${label.padEnd(LABEL_WIDTH)}${text}`;
}

function inputsText({ files }: RunPlan): string {
  const known = files.flatMap(({ size }) => (size === undefined ? [] : [size]));
  const bytes = counted(
    known.reduce((sum, size) => sum + size, 0),
    'byte',
  );
  const streams = files.length - known.length;
  const unknown = streams === 0 ? '' : ` and ${counted(streams, 'stream')}`;
  return known.length === 0 ? counted(streams, 'stream') : `${counted(known.length, 'file')} of ${bytes}${unknown}`;
}

function randomText({ random }: { readonly random: boolean }): string {
  return random ? ', with random weights: its results are meaningless' : '';
}

function triageText({ model, rule: { othersBelow, virusAtLeast } }: NonNullable<RunPlan['triage']>): string {
  const sure = `which decides windows with a score below ${othersBelow} or at least ${virusAtLeast}`;
  return `${model.name}, ${sure}${randomText(model)}`;
}

function devicesText({ workers, leftOut, precision, batchTokens }: DevicePlan): string[] {
  return [
    ...workers.map(({ id, device, threads }) => line('device', `${id}: ${device.name}, ${counted(threads, 'thread')}`)),
    ...leftOut.map(({ device, reason }) => line('left out', `${device.id}: ${device.name}, which is ${reason}`)),
    line('precision', precision),
    line('batches', `${batchTokens.dna} tokens of DNABERT-S, ${batchTokens.protein} of ESM-2`),
  ];
}
