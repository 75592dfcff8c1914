import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunDescription } from '../../lib/output/manifest.js';
import type { RunCounts } from '../../lib/predict/run-counts.js';
import {
  openResultDirectory,
  type ResultDirectory,
  type ResultDirectoryOptions,
} from '../../lib/output/result-directory.js';
import type {
  FrameScore,
  PredictionResult,
  StoredContigResult,
  StoredResult,
  WindowResult,
} from '../../lib/scoring/results.js';

/** A scored window with one frame; `changes` overrides its fields. */
export function windowResult(contig: string, number: number, changes: Partial<WindowResult> = {}): WindowResult {
  const embedding = Float32Array.of(number, 0.5);
  const best: FrameScore = { frame: 'F1', others: 0.25, virus: 0.75, embedding };
  const scored = (changes.status ?? 'scored') === 'scored';
  const frames = changes.frames ?? (scored ? [best] : []);
  return {
    kind: 'window',
    record: undefined,
    index: 0,
    contig,
    source: 'input.fa',
    number,
    start: (number - 1) * 500,
    end: number * 500,
    status: 'scored',
    reason: '',
    frames,
    ...(frames[0] && { decidingFrame: frames[0], call: frames[0].virus >= 0.5 ? 'virus' : 'other' }),
    model: scored ? 'tiny' : '',
    ...changes,
  };
}

export function contigResult(
  contig: string,
  letters: string,
  changes: Partial<StoredContigResult> = {},
): StoredContigResult {
  const bytes = Buffer.from(letters, 'latin1');
  return {
    kind: 'contig',
    record: undefined,
    index: 0,
    contig,
    header: `${contig} of a test`,
    source: 'input.fa',
    length: bytes.length,
    ambiguous: 0,
    uracil: 0,
    gaps: 0,
    verdict: 'other',
    windows: 0,
    windowsScored: 0,
    windowsVirus: 0,
    sequence: { length: bytes.length, read: (start, end) => bytes.subarray(start, end), release: () => undefined },
    status: 'scored',
    reason: '',
    ...changes,
  };
}

/**
 * Counts from the results themselves, independent of the code under test.
 * @param model the name of the run's own model, not its triage's
 */
export function countsOf(results: readonly PredictionResult[], model = 'tiny'): RunCounts {
  const windows = results.filter((result) => result.kind === 'window');
  const contigs = results.filter((result) => result.kind === 'contig');
  const frames = windows.reduce((sum, { frames }) => sum + frames.length, 0);
  const triaged = windows.filter((window) => window.status === 'scored' && window.model !== model);
  return {
    records: contigs.length,
    empty: contigs.filter(({ status }) => status === 'empty').length,
    invalid: contigs.filter(({ status }) => status === 'invalid').length,
    uracil: contigs.reduce((sum, { uracil }) => sum + uracil, 0),
    recordsWithUracil: contigs.filter(({ uracil }) => uracil > 0).length,
    gaps: contigs.reduce((sum, { gaps }) => sum + gaps, 0),
    recordsWithGaps: contigs.filter(({ gaps }) => gaps > 0).length,
    windows: windows.length,
    framesFound: frames,
    framesScored: frames,
    windowsScored: windows.filter(({ status }) => status === 'scored').length,
    windowsTriaged: triaged.length,
    framesSpared: triaged.reduce((sum, { frames }) => sum + frames.length, 0),
    windowsNoFrame: windows.filter(({ status }) => status === 'no_frame').length,
    windowsFailed: windows.filter(({ status }) => status === 'failed').length,
    contigsVirus: contigs.filter(({ verdict }) => verdict === 'virus').length,
    contigsOther: contigs.filter(({ verdict }) => verdict === 'other').length,
    contigsNone: contigs.filter(({ verdict }) => verdict === 'none').length,
  };
}

export function runDescription(counts: RunCounts, changes: Partial<RunDescription> = {}): RunDescription {
  return {
    versions: { virnucpro: '0.1.0', libtorch: '2.11.0', node: process.version },
    started: '2026-01-02T03:04:05.000Z',
    finished: '2026-01-02T03:05:05.000Z',
    commandLine: ['virnucpro', 'predict', 'input.fa'],
    workingDirectory: '/',
    outcome: 'complete',
    model: { name: 'tiny', random: false, chunkSize: 500, parts: [] },
    inputs: [{ path: 'input.fa', bytes: 12, sha256: '00' }],
    parameters: { threshold: 0.5, minFraction: 0.5, batchTokens: { dna: 2048, protein: 2048 }, precision: 'auto' },
    devices: [],
    counts,
    framesFromJournal: 0,
    seconds: { total: 60 },
    peakResidentBytes: 1000,
    warnings: [],
    ...changes,
  };
}

/** The options of most tests, in a folder of the test's own. */
export function optionsIn(folder: string, changes: Partial<ResultDirectoryOptions> = {}): ResultDirectoryOptions {
  const comment = 'virnucpro 0.1.0 model=tiny';
  return { directory: join(folder, 'out'), chunkSize: 500, inputName: 'input', comment, ...changes };
}

export async function writeAll(directory: ResultDirectory, results: Iterable<StoredResult>): Promise<void> {
  for (const result of results) await directory.write(result);
}

/** Opens, writes and finishes; every contig's `windows` must be right. */
export async function writeRun(
  options: ResultDirectoryOptions,
  results: readonly StoredResult[],
  changes: Partial<RunDescription> = {},
): Promise<void> {
  const directory = await openResultDirectory(options);
  await writeAll(directory, results);
  await directory.finish(runDescription(countsOf(results), changes));
}

/** The rows of a table without comment and header, split into cells. */
export function rowsOf(path: string): string[][] {
  const lines = readFileSync(path, 'utf8').split('\n');
  if (lines.pop() !== '') throw new Error(`Expected a line end at the end of ${path}`);
  return lines.slice(2).map((line) => line.split('\t'));
}

/** A folder for each test, removed after it. */
export function temporaryFolder(): { readonly path: string } {
  const folder = { path: '' };
  beforeEach(() => {
    folder.path = mkdtempSync(join(tmpdir(), 'virnucpro-output-'));
  });
  afterEach(() => rmSync(folder.path, { recursive: true, force: true }));
  return folder;
}
