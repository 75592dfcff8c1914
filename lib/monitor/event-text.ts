import type {
  ContinuedEvent,
  DeviceEvent,
  MemoryEvent,
  MemoryPressureEvent,
  PrecisionEvent,
  ProgressEvent,
  RunEvent,
} from '../predict/events.js';
import type { WorkerStatus } from '../predict/run-status.js';
import type { EmbeddedEvent, EmbeddingProgressEvent } from '../embedding-runs/events.js';
import type { CommandEvent, DeviceSummaryEvent, FinishedEvent } from './command-events.js';
import { counted } from '../errors.js';
import { bases, bytes, duration, gibibytes, percent } from './quantities.js';

/** The log line for an event. It names options as the library does; the command's flags: see `withFlags`. */
export interface EventText {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly text: string;
}

export const STAGE_NAMES = { idle: 'idle', dna: 'DNABERT-S', protein: 'ESM-2' } as const satisfies Record<
  WorkerStatus['stage'],
  string
>;

const PART_NAMES = { dna: 'DNABERT-S', protein: 'ESM-2', classifier: 'the classifier', batch: 'the batch' } as const;

const LONG_LOADING_BYTES = 2 ** 30;

type Wording = { [E in RunEvent | CommandEvent as E['event']]: (event: E) => EventText };

const TEXTS: Wording = {
  grant: ({ text }) => info(text),
  'device-left-out': ({ device, name, reason }) => warn(`${device}: ${name} is not used: ${reason}`),
  precision: precisionText,
  'libtorch-left-out': ({ place, reason, used }) =>
    warn(`the libtorch of ${place} is not used: it ${reason}. Using the one in ${used}`),
  'shipped-model': ({ model, card }) =>
    warn(
      `no model is installed: using ${model}, which came with this program. It is small and meant for trials ` +
        `and triage, not as a replacement for the published weights${card === null ? '' : `; what it can do is in ${card}`}. ` +
        'To install those: virnucpro models import --help',
    ),
  loading: ({ model, chunkSize, workers }) =>
    info(`loading model ${model}, ${windowsText(chunkSize)}, on ${workers.join(', ')}`),
  triage: ({ model, othersBelow, virusAtLeast }) =>
    info(`triage: ${model} decides windows with a virus score below ${othersBelow} or at least ${virusAtLeast}`),
  checking: ({ model, bytes: size }) => ({
    level: size >= LONG_LOADING_BYTES ? 'info' : 'debug',
    text: `checking the files of model ${model}, ${bytes(size)} (only once, unless they change)`,
  }),
  'loading-progress': ({ device, bytesDone, bytesTotal }) => ({
    // Quick loading is not worth a line.
    level: bytesTotal >= LONG_LOADING_BYTES ? 'info' : 'debug',
    text: `${device}: ${bytes(bytesDone)} of ${bytes(bytesTotal)} of the weights loaded`,
  }),
  device: deviceText,
  progress: progressText,
  memory: memoryText,
  'memory-pressure': memoryPressureText,
  continued: continuedText,
  failure: ({ part, code, reason, frames, sources }) =>
    error(
      `${counted(frames, 'frame')} of ${sources.join(', ')} without a score: ${PART_NAMES[part]} failed: ${reason} (${code})`,
    ),
  'triage-failure': ({ part, code, reason, frames, sources }) =>
    warn(
      `triage could not score ${counted(frames, 'frame')} of ${sources.join(', ')}, whose windows go to the model of the ` +
        `run: ${PART_NAMES[part]} failed: ${reason} (${code})`,
    ),
  'batch-split': ({ device, frames, code, reason }) =>
    warn(
      `${device}: a batch of ${counted(frames, 'frame')} failed and is tried again in two halves: ${reason} (${code})`,
    ),
  'batch-retried': ({ device, frames, code, reason }) =>
    warn(
      `${device}: a batch of ${counted(frames, 'frame')} failed and is tried on another device: ${reason} (${code})`,
    ),
  'device-lost': ({ device, reason, left }) =>
    error(
      `${device}: lost: ${reason}; ` +
        (left.length > 0
          ? `${left.join(', ')} ${left.length === 1 ? 'continues' : 'continue'} without it`
          : 'no device is left'),
    ),
  'worker-message': ({ device, level, text }) => ({ level, text: `${device}: ${text}` }),
  'random-weights': ({ model }) => warn(`${model}: random weights: not a prediction`),
  waiting: ({ reason }) => info(reason),
  resumable: ({ output }) =>
    info(`what was computed is kept in ${output}: the same command with --resume continues from there`),
  'complete-already': ({ output }) => info(`${output} holds the complete results of this run: nothing to do`),
  stopping: () => warn('stopping after the running batches; repeat to stop at once'),
  completing: () => warn('the results are complete and are being written; repeat to stop at once'),
  interrupted: ({ signal, output }) =>
    warn(`stopped by ${signal}: ${output === null ? 'no results were written' : `what was finished is in ${output}`}`),
  aborted: ({ code, reason }) => error(`the run ended early and kept what was finished: ${reason} (${code})`),
  limit: ({ reason }) => warn(`the speed limit of the devices could not be measured: ${reason}`),
  warning: ({ text }) => warn(text),
  paused: () => info('paused: the devices finish their batches, then wait'),
  resumed: () => info('resumed'),
  'device-summary': deviceSummaryText,
  finished: finishedText,
  'embeddings-resumed': ({ sequences, damagedBytes, isOfSameDevices }) => {
    const parts = [
      `resuming an earlier run: ${counted(sequences, 'sequence')} of it are in the journal`,
      damagedBytes > 0 && `${bytes(damagedBytes)} of the journal are damaged, and what they held is computed again`,
      !isOfSameDevices && 'it was begun on other devices, whose embeddings may differ in their last digits',
    ];
    return { level: damagedBytes > 0 || !isOfSameDevices ? 'warn' : 'info', text: parts.filter(Boolean).join('; ') };
  },
  'embedding-progress': embeddingProgressText,
  'record-without-embedding': ({ record, id, source, reason }) => {
    const input = source === '-' ? 'standard input' : source;
    const name = id === '' ? '' : `, ${id},`;
    return warn(`record ${record} of ${input}${name} has no embedding: ${reason}`);
  },
  embedded: embeddedText,
  failed: ({ reason }) => error(reason),
};

/** The text of an event for people, and its level. */
export function eventText(event: RunEvent | CommandEvent): EventText {
  // The table has the matching function for every event, which the compiler cannot infer through an index.
  return (TEXTS[event.event] as (event: RunEvent | CommandEvent) => EventText)(event);
}

function deviceText(event: DeviceEvent): EventText {
  const { device, name, pciAddress, capability, driver, precision, threads, weightBytes, batchTokens } = event;
  const { mig, processes, memoryFree, memoryTotal } = event;
  const parts = [
    `${device}: ${name}${pciAddress && ` (${pciAddress})`}`,
    mig && 'a MIG instance',
    capability && `capability ${capability}`,
    driver && `driver ${driver}`,
    `${precision.toUpperCase()} enabled`,
    capability === '' && counted(threads, 'thread'),
    `weights ${bytes(weightBytes)}`,
    batchTokensText(batchTokens),
    memoryFree !== null && `${gibibytes(memoryFree)} of ${gibibytes(memoryTotal)} GiB free`,
    processes > 0 && `shared with ${counted(processes, 'other process')}`,
  ];
  const text = parts.filter(Boolean).join(', ');
  return processes > 0 ? warn(text) : info(text);
}

function windowsText(chunkSize: number | null): string {
  return chunkSize === null ? 'for embeddings' : `windows of ${chunkSize} bases`;
}

function batchTokensText({ protein, dna }: DeviceEvent['batchTokens']): string {
  const texts = [protein > 0 && `${protein} ESM-2`, dna > 0 && `${dna} DNABERT-S`];
  return `${texts.filter(Boolean).join(' and ')} tokens a batch`;
}

function precisionText({ without, able, fp16 }: PrecisionEvent): EventText {
  const names = without.map(({ device, name, capability }) => {
    return `${device} (${name}${capability && `, capability ${capability}`})`;
  });
  const [has, them] = without.length === 1 ? ['has', 'it'] : ['have', 'them'];
  const where = able.length > 0 ? ' on every device' : '';
  const parts = [
    `computing in FP32${where}, because ${names.join(', ')} ${has} no BF16`,
    able.length > 0 && `${deviceOption(able)} leaves ${them} out and computes in BF16`,
    fp16.length > 0 && FP16_ADVICE,
  ];
  const text = parts.filter(Boolean).join('. ');
  return able.length > 0 ? warn(text) : info(text);
}

/**
 * Figures from NVIDIA's data sheet of the Tesla T4: 65 TFLOPS mixed-precision (FP16/FP32), 8.1 TFLOPS single-precision.
 */
const FP16_ADVICE =
  "`precision: 'fp16'` uses the tensor cores of capability 7.x: on paper eight times as fast (a T4 does 65 TFLOPS in FP16, " +
  '8.1 in FP32). Its range is smaller: a frame whose values exceed it gets no score, which is logged';

/** The option that selects only these devices; see `withFlags`. */
function deviceOption(ids: readonly string[]): string {
  return `\`devices: [${ids.map((id) => `'${id}'`).join(', ')}]\``;
}

function progressText(event: ProgressEvent): EventText {
  const { fraction, lettersComputed, frames, framesSpared, framesFailed, framesPerSecond, secondsLeft, seconds } =
    event;
  const parts = [
    fraction !== null && `${percent(Math.min(1, fraction), 1)} done`,
    bases(lettersComputed),
    `${counted(frames, 'frame')} at ${framesPerSecond.toFixed(1)} a second`,
    framesSpared > 0 && `${framesSpared} decided by triage`,
    framesFailed > 0 && `${framesFailed} failed`,
    secondsLeft !== null && `${duration(secondsLeft)} to go`,
  ];
  const devices = event.devices.map((device) => deviceProgress(device, seconds));
  return info([parts.filter(Boolean).join(', '), ...devices].join('; '));
}

function deviceProgress(progress: ProgressEvent['devices'][number], seconds: number): string {
  const { device, stage, fraction, batchFraction, frames, busySeconds, utilisation, temperature } = progress;
  const parts = [
    fraction !== null && `${percent(fraction, 1)} of the run`,
    stage === 'idle' ? STAGE_NAMES.idle : `${STAGE_NAMES[stage]} at ${percent(batchFraction)} of a batch`,
    counted(frames, 'frame'),
    seconds > 0 && `${percent(Math.min(1, busySeconds / seconds))} busy`,
    utilisation !== null && `${percent(utilisation)} utilised`,
    temperature !== null && `${temperature.toFixed(0)} °C`,
  ];
  return `${device} ${parts.filter(Boolean).join(', ')}`;
}

function memoryText({ device, allocated, reserved, peak, free, total }: MemoryEvent): EventText {
  return info(
    `${device}: ${gibibytes(allocated)} GiB allocated, ${gibibytes(reserved)} reserved, ${gibibytes(peak)} peak, ` +
      `${gibibytes(free)} of ${gibibytes(total)} GiB free`,
  );
}

function memoryPressureText({ device, used, total }: MemoryPressureEvent): EventText {
  return warn(
    `${device}: ${percent(used / total)} of its memory is in use (${gibibytes(used)} of ${gibibytes(total)} GiB). ` +
      `If batches fail for lack of memory, lower \`proteinBatchTokens\` and \`dnaBatchTokens\`, set ` +
      `\`maxMemory\`, or close other programs that use this device`,
  );
}

function continuedText({ frames, framesTriaged, damagedBytes, isOfSameDevices }: ContinuedEvent): EventText {
  const parts = [
    `resuming an earlier run: ${counted(frames, 'frame')} already ${frames === 1 ? 'has a score' : 'have scores'}`,
    framesTriaged > 0 && `triage has read ${counted(framesTriaged, 'frame')}`,
    damagedBytes > 0 && `${bytes(damagedBytes)} of its journal are damaged, and what they held is computed again`,
    !isOfSameDevices && 'it was begun on other devices, whose scores may differ in their last digits',
  ];
  return { level: damagedBytes > 0 || !isOfSameDevices ? 'warn' : 'info', text: parts.filter(Boolean).join('; ') };
}

function deviceSummaryText(event: DeviceSummaryEvent): EventText {
  const { device, batches, frames, tokens, busySeconds, tokensPerSecond, matmulEfficiency, isLost } = event;
  const text =
    `${device}: ${counted(frames, 'frame')} in ${counted(batches, 'batch')}, ${tokens} tokens, busy ${busySeconds.toFixed(1)} s, ` +
    `${tokensPerSecond.toFixed(0)} tokens a second` +
    (matmulEfficiency === null ? '' : `, ${percent(matmulEfficiency)} of what its matrix products alone reach`) +
    (isLost ? '; lost during the run' : '');
  return isLost ? warn(text) : info(text);
}

function finishedText({ counts, seconds, model, card, output }: FinishedEvent): EventText {
  const { contigsVirus, contigsOther, contigsNone } = counts;
  const done = contigsVirus + contigsOther + contigsNone;
  // A stopped run has read records that it did not finish.
  const records = done === counts.records ? counted(done, 'record') : `${done} of ${counts.records} records read`;
  return info(
    `${records}: ${contigsVirus} virus, ${contigsOther} other, ` +
      `${contigsNone} without a verdict; ${counted(counts.windows, 'window')}, ${counts.windowsScored} scored, ` +
      (counts.windowsTriaged > 0 ? `${counts.windowsTriaged} of them by triage, ` : '') +
      `${counts.windowsNoFrame} without a frame, ${counts.windowsFailed} failed; ` +
      `${(seconds['total'] ?? 0).toFixed(1)} s; model ${model}${card === null ? '' : ` (${card})`}; results in ${output}`,
  );
}

function embeddingProgressText(event: EmbeddingProgressEvent): EventText {
  const { fraction, secondsLeft, records, recordsFailed, sequencesPerSecond, tokensPerSecond } = event;
  const parts = [
    fraction !== null && `${percent(fraction, 1)} done`,
    counted(records, 'record'),
    recordsFailed > 0 && `${recordsFailed} without an embedding`,
    `${sequencesPerSecond.toFixed(1)} sequences and ${tokensPerSecond.toFixed(0)} tokens a second`,
    secondsLeft !== null && `${duration(secondsLeft)} to go`,
  ];
  return info(parts.filter(Boolean).join(', '));
}

function embeddedText({ counts, seconds, model, output }: EmbeddedEvent): EventText {
  const { records, embedded, invalid, failed } = counts;
  const parts = [
    `${counted(records, 'record')}: ${embedded} embedded`,
    invalid > 0 && `${invalid} invalid`,
    failed > 0 && `${failed} failed`,
  ];
  return info(`${parts.filter(Boolean).join(', ')}; ${seconds.toFixed(1)} s; model ${model}; embeddings in ${output}`);
}

function info(text: string): EventText {
  return { level: 'info', text };
}

function warn(text: string): EventText {
  return { level: 'warn', text };
}

function error(text: string): EventText {
  return { level: 'error', text };
}
