import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { expected, reasonOf } from '../errors.js';
import { readSmallFile } from './calibration.js';

/** Name of the card in a model's folder, and among an archive's extra files. */
export const CARD_FILE = 'card.md';

/** Bytes of a card: a long article. */
export const LONGEST_CARD = 1_000_000;

/** Where a model's card is: what it was trained on, what it can do and what it cannot, in Markdown. */
export interface ModelCard {
  /** Of the file. */
  readonly path: string;
}

/**
 * The text of a card that the user gives.
 *
 * @throws VNP_USAGE for a file that cannot be read or is too long, VNP_CHECKPOINT for one that is no text
 */
export async function readCard(path: string): Promise<string> {
  const bytes = await readSmallFile(path, LONGEST_CARD, '--card');
  const next = 'Give a text in Markdown and UTF-8';
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw expected('VNP_CHECKPOINT', 'text in UTF-8', path, 'other bytes', next);
  }
  // eslint-disable-next-line no-control-regex
  const control = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.exec(text);
  if (control) throw expected('VNP_CHECKPOINT', 'text', path, `${JSON.stringify(control[0])} in it`, next);
  if (text.trim() === '') throw expected('VNP_CHECKPOINT', 'a model card', path, 'an empty text', next);
  return text;
}

/**
 * Finds the card that a `pipeline.json` names.
 *
 * @throws VNP_MODEL_INVALID where there is no such file in the folder, or a link, or one that is too long
 */
export async function openCard(folder: string, name: string): Promise<ModelCard> {
  const path = join(folder, name);
  let received: string;
  try {
    // A link could lead anywhere, and readers of results are sent to the card.
    const found = await lstat(path);
    if (found.isFile() && found.size <= LONGEST_CARD) return { path };
    received = found.isFile() ? `${found.size} bytes` : 'something that is no file';
  } catch (error) {
    received = reasonOf(error);
  }
  const wanted = `a model card of at most ${LONGEST_CARD} bytes`;
  throw expected('VNP_MODEL_INVALID', wanted, path, received, 'Import the model again');
}
