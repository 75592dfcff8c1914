// @ts-check
/**
 * How long single contigs take in a service: requests at random times (a Poisson process) on one predictor, with and
 * without a run over an endless stream of records beside them, at several values of `maxDelay`:
 * `node bench/service.mjs [--model virnucpro-mini] [--rate 20] [--length 2000] [--delays 0,5,10,50] [--seconds 20]
 * [--rounds 2] [--out FOLDER]`. Rounds run all settings in turn, back and forth; a row has the requests of all rounds.
 */
import { cpus, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { open } from '../dist/lib/index.js';
import { seededNumbers } from '../dist/lib/models/random/random-contents.js';
import { withOtherLoad } from './other-load.mjs';
import { markdownList, markdownTable, today, writeResults } from './write-results.mjs';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'virnucpro-mini' },
    devices: { type: 'string', default: 'auto' },
    rate: { type: 'string', default: '20' },
    length: { type: 'string', default: '2000' },
    delays: { type: 'string', default: '0,5,10,50' },
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '2' },
    out: { type: 'string' },
  },
});
const [rate, length, seconds] = [values.rate, values.length, values.seconds].map(Number);
const delays = values.delays.split(',').map(Number);

const next = seededNumbers(1);
const random = () => (next() >>> 8) / 2 ** 24;

/** Bases with one frame without a stop codon, as in most genes; the other frames have some by chance. */
function contig() {
  let letters = '';
  while (letters.length < length) {
    const codon = Array.from({ length: 3 }, () => 'ACGT'[Math.floor(4 * random())]).join('');
    if (!['TAA', 'TAG', 'TGA'].includes(codon)) letters += codon;
  }
  return letters.slice(0, length);
}

const contigs = Array.from({ length: 200 }, contig);

/** @typedef {{ delay: number, isBusy: boolean }} Setting */

/** @param {Setting} setting */
async function measure({ delay, isBusy }) {
  const devices = ['auto', 'cpu', 'cuda'].includes(values.devices)
    ? /** @type {'auto' | 'cpu' | 'cuda'} */ (values.devices)
    : values.devices.split(',');
  const predictor = await open({ model: values.model, devices, maxDelay: delay });
  for (const sequence of contigs.slice(0, 5)) await predictor.predictOne(sequence);
  const end = new globalThis.AbortController();
  let besides = 0;
  const beside = isBusy ? bulk() : Promise.resolve();
  async function bulk() {
    function* records() {
      for (let index = 0; ; index++) yield { id: `bulk ${index}`, sequence: contigs[index % contigs.length] ?? '' };
    }
    try {
      for await (const { kind } of predictor.predict(records(), { signal: end.signal }))
        if (kind === 'contig') besides++;
    } catch (error) {
      if (error !== end.signal.reason) throw error;
    }
  }
  // The bulk run has filled the devices by then.
  await sleep(1000);
  besides = 0;
  /** @type {number[]} */
  const latencies = [];
  const { othersCores } = await withOtherLoad(async () => {
    const requests = [];
    const stop = performance.now() + 1000 * seconds;
    for (let index = 0; performance.now() < stop; index++) {
      requests.push(request(contigs[index % contigs.length] ?? ''));
      await sleep((-1000 * Math.log(1 - random())) / rate);
    }
    await Promise.all(requests);
  });
  async function request(/** @type {string} */ sequence) {
    const start = performance.now();
    await predictor.predictOne(sequence);
    latencies.push(performance.now() - start);
  }
  end.abort();
  await beside;
  await predictor.close();
  const { device, precision, threads } = predictor.devices[0] ?? {};
  return {
    latencies,
    besides: besides / seconds,
    othersCores,
    device: `${device?.name}, ${precision}, ${threads} threads`,
  };
}

/** @param {readonly number[]} list @param {number} fraction */
const quantile = (list, fraction) => [...list].sort((a, b) => a - b)[Math.floor(fraction * (list.length - 1))] ?? NaN;
/** @param {readonly number[]} list */
const mean = (list) => list.reduce((sum, one) => sum + one, 0) / list.length;

const settings = [false, true].flatMap((isBusy) => delays.map((delay) => ({ delay, isBusy })));
/** @type {Map<Setting, Awaited<ReturnType<typeof measure>>[]>} */
const measured = new Map(settings.map((setting) => [setting, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const setting of round % 2 === 0 ? settings : [...settings].reverse()) {
    measured.get(setting)?.push(await measure(setting));
  }
}
const rows = settings.map(({ delay, isBusy }, index) => {
  const rounds = [...measured.values()][index] ?? [];
  const latencies = rounds.flatMap((one) => one.latencies);
  return {
    maxDelay: delay,
    isBusy,
    requests: latencies.length,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    max: Math.max(...latencies),
    besides: mean(rounds.map((one) => one.besides)),
    othersCores: mean(rounds.map((one) => one.othersCores)),
  };
});
const table = markdownTable(
  ['bulk run', 'maxDelay', 'requests', 'p50', 'p99', 'longest', 'contigs of the bulk run', 'other load'],
  rows.map((row) => [
    row.isBusy ? 'yes' : 'no',
    `${row.maxDelay} ms`,
    row.requests,
    `${row.p50.toFixed(0)} ms`,
    `${row.p99.toFixed(0)} ms`,
    `${row.max.toFixed(0)} ms`,
    row.isBusy ? `${row.besides.toFixed(0)}/s` : '',
    `${row.othersCores.toFixed(2)} cores`,
  ]),
);
const cores = cpus();
const others = Math.max(...rows.map(({ othersCores }) => othersCores));
const machine = {
  machine: `${cores[0]?.model.trim()}, ${cores.length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
  model: values.model,
  device: [...measured.values()][0]?.[0]?.device ?? '',
  requests: `single contigs of ${length} bases, ${rate} a second on average`,
  rounds: `${values.rounds} of ${seconds} seconds`,
  ...(others > 0.2 && {
    disturbed: `other programs used up to ${others.toFixed(1)} of ${cores.length} cores meanwhile; alone, it is faster`,
  }),
};
const markdown = `# Single contigs in a service\n\n${markdownList(machine)}\n\n${table}\n`;
console.log(markdown);
const day = today();
if (values.out !== undefined) await writeResults(values.out, `${day}-service`, { machine, rows }, markdown);
