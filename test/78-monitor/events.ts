import type { CommandEvent } from '../../lib/monitor/command-events.js';
import type { RunEvent } from '../../lib/predict/events.js';
import { GIB } from './statuses.js';

type EventsByName = { [E in RunEvent | CommandEvent as E['event']]: E };

const NO_MEMORY = { code: 'VNP_MEMORY', reason: 'no room' } as const;
const COUNTS = {
  ...{ uracil: 0, recordsWithUracil: 0, gaps: 0, recordsWithGaps: 0 },
  ...{ records: 7, empty: 1, invalid: 0, windows: 20, framesFound: 50, framesScored: 48 },
  ...{
    windowsScored: 17,
    windowsTriaged: 0,
    framesSpared: 0,
    windowsNoFrame: 2,
    windowsFailed: 1,
    contigsVirus: 2,
    contigsOther: 3,
    contigsNone: 2,
  },
};

/** One of every event. */
export const EVENTS: EventsByName = {
  grant: {
    event: 'grant',
    ...{ cores: 2, machineCores: 64, memory: 8 * GIB, machineMemory: 256 * GIB },
    text: 'granted to this process: 2 of 64 cores (cgroup), 8.0 of 256.0 GiB of memory (cgroup)',
  },
  'device-left-out': { event: 'device-left-out', device: 'cuda:3', name: 'NVIDIA T400', reason: 'too little memory' },
  precision: {
    event: 'precision',
    precision: 'fp32',
    without: [{ device: 'cuda:1', name: 'Tesla T4', capability: '7.5' }],
    able: ['cuda:0', 'cuda:2'],
    fp16: ['cuda:1'],
  },
  'libtorch-left-out': {
    event: 'libtorch-left-out',
    place: '/opt/python/torch',
    reason: 'is damaged: lib/libc10.so is missing',
    used: '/home/ada/.cache/virnucpro/libtorch-2.11.0-linux-x64/torch',
  },
  'shipped-model': { event: 'shipped-model', model: 'small', card: '/opt/models/small/card.md' },
  loading: { event: 'loading', model: '500', chunkSize: 500, workers: ['cuda:0', 'cuda:1'] },
  continued: {
    event: 'continued',
    journal: 'out/.journal',
    ...{ batches: 2, frames: 100, framesTriaged: 0, damagedBytes: 512, isOfSameDevices: false },
  },
  'embeddings-resumed': {
    event: 'embeddings-resumed',
    journal: 'out.npy.unfinished/journal',
    ...{ batches: 2, sequences: 100, damagedBytes: 512, isOfSameDevices: false },
  },
  'embedding-progress': {
    event: 'embedding-progress',
    ...{ seconds: 10, bytesRead: 500, bytesTotal: 1000, fraction: 0.5, secondsLeft: 10 },
    ...{ records: 40, recordsFailed: 1, sequencesPerSecond: 4, tokensPerSecond: 1000 },
  },
  'record-without-embedding': {
    event: 'record-without-embedding',
    ...{ record: 3, id: 'odd', source: 'in.faa', code: 'VNP_INPUT_FORMAT', reason: 'it has no letters' },
  },
  embedded: {
    event: 'embedded',
    counts: { records: 41, embedded: 40, invalid: 1, failed: 0, letters: 9000, tokens: 9080 },
    ...{ seconds: 12.3, model: 'esm2-150M', output: 'out.npy' },
  },
  'complete-already': { event: 'complete-already', output: 'out' },
  waiting: { event: 'waiting', reason: 'checking whether out/.unfinished-7 of process 7 on node3 is still alive' },
  resumable: { event: 'resumable', output: 'out' },
  checking: { event: 'checking', model: '500', bytes: 11.6 * GIB },
  'loading-progress': { event: 'loading-progress', device: 'cuda:0', bytesDone: 2 * GIB, bytesTotal: 4 * GIB },
  device: {
    event: 'device',
    device: 'cuda:0',
    name: 'NVIDIA H200',
    capability: '9.0',
    driver: '570.86',
    pciAddress: '0000:3B:00.0',
    mig: false,
    processes: 0,
    memoryTotal: 139.7 * GIB,
    memoryFree: 120.3 * GIB,
    precision: 'bf16',
    threads: 2,
    weightBytes: 5.6 * GIB,
    batchTokens: { protein: 16384, dna: 16384 },
  },
  progress: {
    event: 'progress',
    ...{ seconds: 10, bytesRead: 2e6, bytesTotal: 1e7, fraction: 0.1234, secondsLeft: 71.04, lettersComputed: 1.234e6 },
    ...{
      records: 5,
      windows: 100,
      frames: 345,
      framesSpared: 0,
      framesFailed: 0,
      framesPerSecond: 34.5,
      tokensPerSecond: 6789,
    },
    devices: [
      {
        ...{ device: 'cuda:0', stage: 'dna', fraction: 0.0617, frames: 345, tokens: 67890, busySeconds: 9.7 },
        ...{ batchFraction: 0.04, layersDone: 7, layers: 48, utilisation: 0.98, temperature: 65 },
      },
      {
        ...{ device: 'cpu', stage: 'idle', fraction: null, batchFraction: 0, layersDone: 0, layers: 0 },
        ...{ frames: 0, tokens: 0, busySeconds: 0, utilisation: null, temperature: null },
      },
    ],
  },
  memory: {
    ...{ event: 'memory', device: 'cuda:0', allocated: 10.1 * GIB, reserved: 12 * GIB, peak: 14.2 * GIB },
    ...{ free: 60.1 * GIB, total: 80 * GIB },
  },
  'memory-pressure': { event: 'memory-pressure', device: 'cuda:0', used: 73.6 * GIB, total: 80 * GIB },
  failure: { event: 'failure', part: 'protein', ...NO_MEMORY, frames: 3, sources: ['a.fa', 'b.fa'] },
  triage: { event: 'triage', model: 'small', othersBelow: 0.02, virusAtLeast: 0.99 },
  'triage-failure': {
    event: 'triage-failure',
    ...{ part: 'dna', ...NO_MEMORY, frames: 3, sources: ['a.fa'] },
  },
  'batch-split': { event: 'batch-split', device: 'cuda:0', frames: 32, ...NO_MEMORY },
  'batch-retried': { event: 'batch-retried', device: 'cuda:0', frames: 32, code: 'VNP_NATIVE', reason: 'odd' },
  'device-lost': { event: 'device-lost', device: 'cuda:1', reason: 'it fell off the bus', left: ['cuda:0', 'cuda:2'] },
  'worker-message': { event: 'worker-message', device: 'cuda:0', level: 'warn', text: 'a warning of libtorch' },
  'random-weights': { event: 'random-weights', model: 'made-up' },
  stopping: { event: 'stopping', signal: 'SIGINT' },
  completing: { event: 'completing', signal: 'SIGINT' },
  interrupted: { event: 'interrupted', signal: 'SIGTERM', output: 'results' },
  aborted: { event: 'aborted', code: 'VNP_SYSTEMIC', reason: 'three batches in a row failed' },
  limit: { event: 'limit', code: 'VNP_NATIVE', reason: 'odd' },
  warning: { event: 'warning', text: 'two records have the same name' },
  paused: { event: 'paused' },
  resumed: { event: 'resumed' },
  'device-summary': {
    ...{ event: 'device-summary', device: 'cuda:0', batches: 12, frames: 345, tokens: 67890 },
    ...{ busySeconds: 34.5, tokensPerSecond: 1967.8, matmulEfficiency: 0.61, isLost: false },
  },
  finished: {
    ...{ event: 'finished', counts: COUNTS, seconds: { total: 45.6, load: 3 } },
    ...{ model: '500', card: '/models/500/card.md', output: 'results' },
  },
  failed: { event: 'failed', code: 'VNP_USAGE', reason: 'Expected a model but received none' },
};
