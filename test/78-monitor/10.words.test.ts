import assert from 'node:assert/strict';
import { eventText } from '../../lib/monitor/event-text.js';
import { withFlags } from '../../lib/monitor/flags.js';
import { EVENTS } from './events.js';

describe('an event in words', () => {
  function text(event: keyof typeof EVENTS, given: object = {}): string {
    return eventText({ ...EVENTS[event], ...given }).text;
  }

  it('tells of a GPU what it is and how it will compute', () => {
    assert.equal(
      text('device'),
      'cuda:0: NVIDIA H200 (0000:3B:00.0), capability 9.0, driver 570.86, BF16 enabled, weights 5.6 GiB, ' +
        '16384 ESM-2 and 16384 DNABERT-S tokens a batch, 120.3 of 139.7 GiB free',
    );
  });

  it('tells of a CPU its threads, and nothing that only a GPU has', () => {
    const cpu = { device: 'cpu', name: 'AMD EPYC', pciAddress: '', capability: '', driver: '', memoryFree: null };
    assert.equal(
      text('device', { ...cpu, precision: 'fp32', threads: 1, weightBytes: 12 * 2 ** 20 }),
      'cpu: AMD EPYC, FP32 enabled, 1 thread, weights 12 MiB, 16384 ESM-2 and 16384 DNABERT-S tokens a batch',
    );
  });

  it('says in which precision a mixed set of GPUs computes, and what would be faster', () => {
    const why = ', because cuda:1 (Tesla T4, capability 7.5) has no BF16';
    const mixed = text('precision', { fp16: [] });
    assert.equal(
      withFlags(mixed),
      `computing in FP32 on every device${why}. --gpus 0,2 leaves it out and computes in BF16`,
    );
    assert.match(
      text('precision', { fp16: [], able: ['cuda:0', 'cpu'] }),
      /\. `devices: \['cuda:0', 'cpu'\]` leaves it out/,
    );
    assert.equal(eventText(EVENTS.precision).level, 'warn');
    const alone = eventText({ ...EVENTS.precision, able: [] });
    assert.equal(alone.level, 'info');
    assert.ok(
      alone.text.startsWith(`computing in FP32${why}. \`precision: 'fp16'\` uses the tensor cores`),
      alone.text,
    );
  });

  it('names a MIG instance and a busy device as such', () => {
    assert.match(text('device', { mig: true }), /, a MIG instance, capability/);
    assert.match(text('device', { processes: 2 }), /, shared with 2 other processes$/);
    assert.equal(eventText({ ...EVENTS.device, processes: 1 }).level, 'warn');
  });

  it('tells how far the run is, and every device', () => {
    assert.equal(
      text('progress'),
      '12.3 % done, 1.2 Mb, 345 frames at 34.5 a second, 71 s to go; cuda:0 6.2 % of the run, ' +
        'DNABERT-S at 4 % of a batch, 345 frames, 97 % busy, 98 % utilised, 65 °C; cpu idle, 0 frames, 0 % busy',
    );
  });

  it('tells how far the run is where nobody knows how long it will be', () => {
    const unknown = { bytesTotal: null, fraction: null, secondsLeft: null, framesFailed: 3, devices: [] };
    assert.equal(text('progress', unknown), '1.2 Mb, 345 frames at 34.5 a second, 3 failed');
  });

  it('tells of memory', () => {
    assert.equal(text('memory'), 'cuda:0: 10.1 GiB allocated, 12.0 reserved, 14.2 peak, 60.1 of 80.0 GiB free');
  });

  it('says what helps where memory is short', () => {
    for (const advice of ['92 %', '`proteinBatchTokens`', '`dnaBatchTokens`', '`maxMemory`', 'other programs']) {
      assert.ok(text('memory-pressure').includes(advice), advice);
    }
  });

  it('names the device, the count and the reason of what failed', () => {
    assert.equal(
      text('batch-split'),
      'cuda:0: a batch of 32 frames failed and is tried again in two halves: no room (VNP_MEMORY)',
    );
    assert.match(
      text('batch-retried', { frames: 1 }),
      /^cuda:0: a batch of 1 frame failed and is tried on another device/,
    );
    assert.equal(text('failure'), '3 frames of a.fa, b.fa without a score: ESM-2 failed: no room (VNP_MEMORY)');
    assert.equal(text('device-lost'), 'cuda:1: lost: it fell off the bus; cuda:0, cuda:2 continue without it');
    assert.match(text('device-lost', { left: [] }), /no device is left$/);
  });

  it('passes on what a worker says, with its name and at its level', () => {
    const { event, device } = EVENTS['worker-message'];
    for (const level of ['info', 'warn'] as const) {
      assert.deepEqual(eventText({ event, device, level, text: 'hm' }), { level, text: 'cuda:0: hm' });
    }
  });

  it('sums up every device: frames, tokens, busy time, and whether it was lost', () => {
    assert.equal(
      text('device-summary'),
      'cuda:0: 345 frames in 12 batches, 67890 tokens, busy 34.5 s, 1968 tokens a second, ' +
        '61 % of what its matrix products alone reach',
    );
    assert.match(text('device-summary', { isLost: true, matmulEfficiency: null }), /a second; lost during the run$/);
  });

  it('says what a stopped run left', () => {
    assert.equal(text('interrupted', { output: null }), 'stopped by SIGTERM: no results were written');
    assert.equal(text('interrupted', { output: 'results' }), 'stopped by SIGTERM: what was finished is in results');
  });

  it('names a record without an embedding by its id, if it has one, and its input', () => {
    const record = { record: 3, id: 'p3', source: 'a.faa', reason: 'it has no letters' };
    const textOf = (fields: object) => text('record-without-embedding', { ...record, ...fields });
    assert.equal(textOf({}), 'record 3 of a.faa, p3, has no embedding: it has no letters');
    assert.equal(textOf({ id: '' }), 'record 3 of a.faa has no embedding: it has no letters');
    assert.equal(textOf({ source: '-' }), 'record 3 of standard input, p3, has no embedding: it has no letters');
  });

  it('keeps the loading of weights for those who ask for every detail', () => {
    assert.equal(eventText(EVENTS['loading-progress']).level, 'info');
    assert.equal(eventText({ ...EVENTS['loading-progress'], bytesTotal: 2 ** 20 }).level, 'debug');
    assert.equal(text('loading-progress'), 'cuda:0: 2.0 GiB of 4.0 GiB of the weights loaded');
  });

  it('is one line for every event', () => {
    for (const event of Object.values(EVENTS)) assert.match(eventText(event).text, /^.{6,}$/);
  });
});
