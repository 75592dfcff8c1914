import { lstat, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expected, reasonOf, VirnucproError } from '../../errors.js';
import { JsonFields, parseStrictJson } from '../json.js';

/** Sensible chunk sizes in bases: from one codon to far more than either language model was trained on. */
export const MIN_CHUNK_SIZE = 3;
export const MAX_CHUNK_SIZE = 1_000_000;

/** Maximum bytes of a calibration file; training writes about 200. */
const MAX_CALIBRATION = 1_000_000;
const MAX_CHUNK_SIZES = 100;

/** Which calibrated window scores leave no doubt, as measured on sequences that the model was not trained on. */
export interface TriageThresholds {
  /** Chunk size, in bases, that they were measured for. */
  readonly chunkSize: number;
  /** Below this virus score, 0 to 1, a window is surely not viral. */
  readonly othersBelow: number;
  /** From this virus score on, 0 to 1 and not below `othersBelow`, a window is surely viral. */
  readonly virusAtLeast: number;
}

/** What was measured for a model after its training. */
export interface Calibration {
  /** Calibrated scores are softmax(logits / temperature); a positive number. */
  readonly temperature?: number;
  /** One entry for each chunk size that was measured; usually none. */
  readonly triage: readonly TriageThresholds[];
}

/** Reads the optional fields `temperature` and `triage` of an object. Throws what `fields` throws. */
export function calibrationOf(fields: JsonFields): Calibration {
  return {
    ...(fields.has('temperature') && { temperature: fields.positive('temperature') }),
    triage: fields.has('triage') ? triageOf(fields) : [],
  };
}

function triageOf(fields: JsonFields): TriageThresholds[] {
  const entries = fields.list('triage', MAX_CHUNK_SIZES).map((entry) => {
    entry.checkNames('chunkSize', 'othersBelow', 'virusAtLeast');
    const othersBelow = entry.between('othersBelow', 0, 1);
    return {
      chunkSize: entry.whole('chunkSize', MIN_CHUNK_SIZE, MAX_CHUNK_SIZE),
      othersBelow,
      virusAtLeast: entry.between('virusAtLeast', othersBelow, 1),
    };
  });
  const lengths = entries.map(({ chunkSize }) => chunkSize);
  if (new Set(lengths).size === lengths.length) return entries;
  throw fields.wrong('triage', 'a list with one entry for each chunk size', lengths);
}

/**
 * Reads a calibration as training writes it: a JSON object with `temperature`, `triage` or both, and nothing else.
 *
 * @throws VNP_USAGE for a file that cannot be read, VNP_CHECKPOINT for one that is not a calibration
 */
export async function readCalibration(path: string): Promise<Calibration> {
  const bytes = await readSmallFile(path, MAX_CALIBRATION, '`calibration`');
  const fault = { code: 'VNP_CHECKPOINT', next: 'Give the file that training wrote' } as const;
  let value: unknown;
  try {
    value = parseStrictJson(bytes.toString('utf8'));
  } catch (error) {
    throw new VirnucproError(fault.code, `The calibration ${path} is ${reasonOf(error)}. ${fault.next}`);
  }
  const fields = JsonFields.of(value, path, fault);
  fields.checkNames('temperature', 'triage');
  const calibration = calibrationOf(fields);
  if (calibration.temperature !== undefined || calibration.triage.length > 0) return calibration;
  throw new VirnucproError(fault.code, `${path} has neither a temperature nor triage thresholds. ${fault.next}`);
}

/**
 * Reads a file that the user named. Throws VNP_USAGE, naming the option, if it cannot be read or has more than `most`
 * bytes.
 */
async function readSmallFile(path: string, most: number, option: string): Promise<Buffer> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new Error('something other than a file');
    if (found.size > most) throw new Error(`${found.size} bytes`);
    return await readFile(path);
  } catch (error) {
    throw expected('VNP_USAGE', `a readable file of at most ${most} bytes`, option, `${path}: ${reasonOf(error)}`);
  }
}

/** Name of the card in a model's folder, and among an archive's extra files. */
export const CARD_FILE = 'card.md';

/** Maximum bytes of a card: room for a long article. */
export const MAX_CARD = 1_000_000;

/** A model's card: what it was trained on, what it can do and what it cannot, in Markdown. */
export interface ModelCard {
  /** Path of the file. */
  readonly path: string;
}

/**
 * Reads the card that the user gives.
 *
 * @throws VNP_USAGE for a file that cannot be read or is too long, VNP_CHECKPOINT for one that is not text
 */
export async function readCard(path: string): Promise<string> {
  const bytes = await readSmallFile(path, MAX_CARD, '`card`');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw noCard(path, 'is not UTF-8 text');
  }
  // eslint-disable-next-line no-control-regex
  const control = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.exec(text);
  if (control) throw noCard(path, `has the control character ${JSON.stringify(control[0])}`);
  if (text.trim() === '') throw noCard(path, 'is empty');
  return text;
}

/**
 * Finds the card that a `pipeline.json` names.
 *
 * @throws VNP_MODEL_INVALID if the folder has no such file, or it is a link or too long
 */
export async function openCard(folder: string, name: string): Promise<ModelCard> {
  const path = join(folder, name);
  let received: string;
  try {
    // A link could lead anywhere, and results point their readers to the card.
    const found = await lstat(path);
    if (found.isFile() && found.size <= MAX_CARD) return { path };
    received = found.isFile() ? `${found.size} bytes` : 'something other than a file';
  } catch (error) {
    received = reasonOf(error);
  }
  const message = `The model card ${path} is not a readable file of at most ${MAX_CARD} bytes: ${received}`;
  throw new VirnucproError('VNP_MODEL_INVALID', `${message}. Import the model again`);
}

function noCard(path: string, problem: string): VirnucproError {
  return new VirnucproError('VNP_CHECKPOINT', `The model card ${path} ${problem}. Give a Markdown file in UTF-8`);
}
