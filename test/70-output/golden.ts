import { readFileSync } from 'node:fs';
import type { StoredContigResult, FrameScore, WindowResult } from '../../lib/scoring/results.js';
import type { FrameName, Orf } from '../../lib/windows/open-reading-frames.js';
import { fixture } from '../repository.js';
import { contigResult, windowResult } from './results.js';

export function goldenText(name: string): string {
  return readFileSync(fixture('golden', 'end_to_end', name), 'utf8');
}

function readFasta(name: string): { id: string; letters: string }[] {
  const records = goldenText(name).split('>').slice(1);
  return records.map((record) => {
    const [header = '', ...lines] = record.split('\n');
    return { id: header.split(' ')[0] ?? '', letters: lines.join('') };
  });
}

/** The scores [frames, 2] of embeddings.safetensors: a length, a JSON header, then the tensors. */
function readScores(): Float32Array {
  const bytes = readFileSync(fixture('golden', 'end_to_end', 'embeddings.safetensors'));
  const headerEnd = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, headerEnd)) as { scores: { data_offsets: [number, number] } };
  const [start, end] = header.scores.data_offsets;
  const scores = new Float32Array((end - start) / 4);
  for (let index = 0; index < scores.length; index++) scores[index] = bytes.readFloatLE(headerEnd + start + 4 * index);
  return scores;
}

interface GoldenFrame {
  readonly score: FrameScore;
  readonly orf: Orf;
}

function framesByWindow(): Map<string, GoldenFrame[]> {
  const scores = readScores();
  const proteins = readFasta('input_identified_protein.faa');
  const byWindow = new Map<string, GoldenFrame[]>();
  readFasta('input_identified_nucleotide.fa').forEach(({ id, letters }, index) => {
    const window = id.slice(0, -2);
    const name = id.slice(-2) as FrameName;
    const [others = NaN, virus = NaN] = scores.subarray(2 * index, 2 * index + 2);
    const orf = { name, nucleotide: Buffer.from(letters), protein: Buffer.from(proteins[index]?.letters ?? '') };
    byWindow.set(window, [...(byWindow.get(window) ?? []), { score: { frame: name, others, virus }, orf }]);
  });
  return byWindow;
}

function goldenWindow(id: string, letters: string, frames: readonly GoldenFrame[]): WindowResult {
  const [, contig = '', number = ''] = /^(.*)_chunk_(\d+)$/.exec(id) ?? [];
  return windowResult(contig, Number(number), {
    status: frames.length === 0 ? 'no_frame' : 'scored',
    frames: frames.map(({ score }) => score),
    sequences: { letters: Buffer.from(letters), orfs: frames.map(({ orf }) => orf) },
  });
}

/** The results of the golden run as the pipeline passes them on: windows of a record, then the record. */
export function goldenResults(): (WindowResult | StoredContigResult)[] {
  const frames = framesByWindow();
  const windows = readFasta('input_chunked500.fa').map(({ id, letters }) =>
    goldenWindow(id, letters, frames.get(id) ?? []),
  );
  return readFasta('input.fa').flatMap(({ id, letters }) => {
    const own = windows.filter(({ contig }) => contig === id);
    return [...own, contigResult(id, letters, { windows: own.length })];
  });
}
