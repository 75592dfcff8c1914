import type { BenchmarkReport } from '../benchmark.js';

type Row = readonly [label: string, value: string, spread: string, meaning: string];

const UNKNOWN = '-';

/** The figures as a table for people: each with its spread over the repeats and a description. */
export function benchTable(report: BenchmarkReport): string {
  const { model, card, random_weights, precision, engine, device, device_name, threads } = report;
  return [
    `${model}${random_weights ? ', random weights' : ''}${card === null ? '' : ` (${card})`}, ${precision.toUpperCase()}, ${engine} engine`,
    `${device}: ${device_name}, ${count(threads, 'thread')}, libtorch ${report.libtorch}, virnucpro ${report.virnucpro}`,
    `${count(report.sequences, 'sequence')} (${report.input}), ${report.tokens} tokens in ` +
      `${count(report.batches, 'batch', 'batches')} of at most ${report.batch_tokens}; ` +
      `${count(report.repeats, 'repeat')} of ${count(report.passes, 'pass', 'passes')}`,
    '',
    ...aligned([...speedRows(report), ...timeRows(report), ...memoryRows(report)]),
  ].join('\n');
}

function speedRows(report: BenchmarkReport): Row[] {
  const rows: Row[] = [
    [
      'speed',
      `${round(report.tokens_per_second)} tokens/s`,
      range(report.tokens_per_second_min, report.tokens_per_second_max, round),
      'median of the repeats, and their range',
    ],
    [
      '',
      `${round(report.sequences_per_second)} sequences/s`,
      range(report.sequences_per_second_min, report.sequences_per_second_max, round),
      '',
    ],
  ];
  if (report.matmul_efficiency === null) return rows;
  return [
    ...rows,
    [
      'limit',
      `${round(report.limit_gflops!)} GFLOP/s`,
      range(report.limit_gflops_min!, report.limit_gflops_max!, round),
      'matrix products alone, measured alternately with the speed',
    ],
    ['', `${round(report.limit_tokens_per_second!)} tokens/s`, '', 'the speed if nothing else took time'],
    [
      'matmul efficiency',
      percent(report.matmul_efficiency),
      range(report.matmul_efficiency_min!, report.matmul_efficiency_max!, percent),
      'speed as a fraction of the limit',
    ],
  ];
}

function timeRows(report: BenchmarkReport): Row[] {
  const { forward_seconds: total } = report;
  if (total === null) return [];
  const part = (label: string, seconds: number, meaning: string): Row => [
    label,
    percent(seconds / total),
    `${round(seconds * 1000)} ms`,
    meaning,
  ];
  return [
    ['forward', `${round(total * 1000)} ms`, '', `one batch of ${report.forward_tokens ?? UNKNOWN} tokens; its parts:`],
    part('  linear', report.linear_seconds!, 'linear layers, with what is fused into them'),
    part('  attention', report.attention_seconds!, 'attention'),
    part('  rest', report.rest_seconds!, 'embedding, norms, pooling'),
  ];
}

function memoryRows(report: BenchmarkReport): Row[] {
  const peak = report.peak_includes_loading ? 'peak, including loading' : 'peak after loading';
  const where = report.device === 'cpu' ? 'this process' : 'the device';
  return [
    ['memory', megabytes(report.peak_memory_bytes), '', `${peak}: all of ${where}`],
    ['  weights', megabytes(report.weight_bytes), '', 'the part taken by the weights'],
    ['  above', megabytes(report.peak_over_weights_bytes), '', 'the rest: program, libraries and working memory'],
    ['  loaded', megabytes(report.loaded_memory_bytes), '', 'before the first batch'],
  ];
}

function aligned(rows: readonly Row[]): string[] {
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map(([label, value, spread, meaning]) =>
    [label.padEnd(widths[0]!), value.padStart(widths[1]!), spread.padEnd(widths[2]!), meaning].join('  ').trimEnd(),
  );
}

/** Three significant digits, or all digits before the point of a larger number. */
function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}

function range(least: number, most: number, text: (value: number) => string): string {
  return `${text(least)} - ${text(most)}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
