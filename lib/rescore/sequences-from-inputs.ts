import { resolve } from 'node:path';
import { expected, VirnucproError } from '../errors.js';
import { filesOf, STANDARD_INPUT } from '../input/input-files.js';
import { InputProgress } from '../input/input-progress.js';
import type { SequenceRecord } from '../input/record.js';
import { readRecords } from '../input/records.js';
import { inputName, sentenceInputName } from '../input/text.js';
import type { BufferedFile } from '../output/buffered-file.js';
import { escapeCell, unescapeCell } from '../output/cell.js';
import { utf8Key } from '../output/classic-files.js';
import { VirusSequencesWriter } from '../output/fasta.js';
import type { ManifestInput, RunManifest } from '../output/manifest.js';
import { cellText, shown, type TableReader } from './table-reader.js';

export interface InputSequencesOptions {
  readonly manifest: Pick<RunManifest, 'inputs' | 'outcome' | 'workingDirectory'>;
  /** Where the inputs are now; empty if they have not moved. */
  readonly moved: readonly string[];
  /** contigs.tsv with the new verdicts, before its first row. */
  readonly contigs: TableReader;
  readonly file: BufferedFile;
  /** What the input `-` reads. Defaults to the process's standard input. */
  readonly standardInput?: AsyncIterable<Uint8Array> | undefined;
  readonly signal?: AbortSignal | undefined;
}

const GIVE_INPUTS =
  "Give the run's inputs, in order, with --input: a record has become virus, and its sequence is in them";

/** An input as it is now. */
interface PresentInput {
  readonly path: string;
  /** What it was in the run; undefined if the run was stopped before the end of this input. */
  readonly known: ManifestInput | undefined;
}

/**
 * Writes virus.fna by reading the inputs again; each must have the hash that it had in the run.
 *
 * @throws VirnucproError VNP_INPUT_MISSING if an input cannot be read again, VNP_RESUME if it is a different one,
 *   VNP_USAGE if the number of inputs differs
 */
export async function writeSequencesFromInputs(options: InputSequencesOptions): Promise<void> {
  const { manifest, contigs } = options;
  const { inputs, further } = await presentInputs(options);
  const reading = new InputsReading(options);
  await reading.start();
  for (const input of inputs) await reading.read(input);
  // A stopped run has no hash of the input that it did not finish.
  if (manifest.outcome === 'stopped' && reading.hasRow) {
    await reading.read({ path: further ?? inputOfRow(options), known: undefined });
  }
  if (reading.hasRow) throw contigs.damaged('has no record in the inputs');
}

interface PresentInputs {
  readonly inputs: readonly PresentInput[];
  /** Path of the input that a stopped run did not finish, if given. */
  readonly further: string | undefined;
}

async function presentInputs({ manifest, moved }: InputSequencesOptions): Promise<PresentInputs> {
  const present = moved.length > 0 ? await movedInputs(moved) : await formerInputs(manifest);
  const { inputs } = manifest;
  const isRight =
    present.length === inputs.length || (manifest.outcome === 'stopped' && present.length === inputs.length + 1);
  if (!isRight) {
    throw expected(
      'VNP_USAGE',
      `${inputs.length} inputs as in the run`,
      '--input',
      String(present.length),
      GIVE_INPUTS,
    );
  }
  // Sizes show at once what the hash would show after minutes.
  for (const [index, known] of inputs.entries()) {
    const { path, size } = present[index]!;
    if (size !== undefined && size !== known.bytes)
      throw otherInput(path, known, `${size} bytes`, `${known.bytes} bytes`);
  }
  return {
    inputs: inputs.map((known, index) => ({ path: present[index]!.path, known })),
    further: present[inputs.length]?.path,
  };
}

interface FoundInput {
  readonly path: string;
  readonly size: number | undefined;
}

async function movedInputs(moved: readonly string[]): Promise<FoundInput[]> {
  const found: FoundInput[] = [];
  for (const input of moved) found.push(...(await filesOf(input)));
  return found;
}

async function formerInputs({ inputs, workingDirectory }: InputSequencesOptions['manifest']): Promise<FoundInput[]> {
  const found: FoundInput[] = [];
  for (const { path } of inputs) {
    const former = formerPath(path, workingDirectory);
    const files = await filesOf(former).catch((error: unknown) => {
      if (!(error instanceof VirnucproError)) throw error;
      throw new VirnucproError(error.code, `${error.message}. ${GIVE_INPUTS}`, { cause: error });
    });
    found.push(...files);
  }
  return found;
}

/** @throws VirnucproError VNP_INPUT_MISSING for standard input */
function formerPath(path: string, workingDirectory: string | undefined): string {
  if (path !== STANDARD_INPUT) return resolve(workingDirectory ?? '.', path);
  const message = `virus.fna cannot be written: the run read standard input, which cannot be read again. ${GIVE_INPUTS}`;
  throw new VirnucproError('VNP_INPUT_MISSING', message);
}

/** Where the input of the current row was. */
function inputOfRow({ manifest, contigs }: InputSequencesOptions): string {
  const cell = contigs.cells[contigs.position('source')]!;
  return formerPath(unescapeCell(cellText(cell)), manifest.workingDirectory);
}

class InputsReading {
  /** Whether there is a row whose record has not been read yet. */
  hasRow = false;
  readonly #options: InputSequencesOptions;
  readonly #writer: VirusSequencesWriter;
  readonly #position: { contig: number; length: number; verdict: number };

  constructor(options: InputSequencesOptions) {
    this.#options = options;
    this.#writer = new VirusSequencesWriter(options.file);
    const { contigs } = options;
    this.#position = {
      contig: contigs.position('contig'),
      length: contigs.position('length'),
      verdict: contigs.position('verdict'),
    };
  }

  async start(): Promise<void> {
    this.hasRow = await this.#options.contigs.advance();
  }

  /** Reads one input to its end or, if its hash is unknown, only as far as there are rows. */
  async read({ path, known }: PresentInput): Promise<void> {
    const { signal, standardInput } = this.#options;
    const progress = new InputProgress();
    const reading = { progress, ...(signal && { signal }) };
    for await (const record of readRecords([path], { ...reading, ...(standardInput && { standardInput }) })) {
      try {
        signal?.throwIfAborted();
        if (this.hasRow) await this.#write(record, path, known);
      } finally {
        record.sequence.release();
      }
      if (!this.hasRow && known === undefined) return;
    }
    const read = progress.finished[0];
    if (known === undefined || read?.sha256 === known.sha256) return;
    throw otherInput(path, known, `SHA-256 ${read?.sha256 ?? 'of nothing'}`, `SHA-256 ${known.sha256}`);
  }

  async #write(record: SequenceRecord, path: string, known: ManifestInput | undefined): Promise<void> {
    const { contigs } = this.#options;
    const [cell, length] = [contigs.cells[this.#position.contig]!, contigs.cells[this.#position.length]!];
    if (utf8Key(escapeCell(record.id)) !== cell || String(record.sequence.length) !== length) {
      const received = `${shown(utf8Key(record.id))} of ${record.sequence.length} letters as record ${record.index + 1}`;
      throw otherInput(path, known, received, `${shown(cell)} of ${length}`);
    }
    const verdict = contigs.cells[this.#position.verdict] === 'virus' ? 'virus' : 'other';
    const wait = this.#writer.contig({ verdict, header: record.header, sequence: record.sequence });
    if (wait !== undefined) await wait;
    this.hasRow = await contigs.advance();
  }
}

function otherInput(path: string, known: ManifestInput | undefined, received: string, what: string): Error {
  const former = known === undefined || known.path === path ? 'it' : inputName(known.path);
  return new VirnucproError(
    'VNP_RESUME',
    `${sentenceInputName(path)} is not what ${former} was in the run: it has ${received} instead of ${what}. ${GIVE_INPUTS}`,
  );
}
