import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, VirnucproError } from '../errors.js';
import type { FileSummary } from './buffered-file.js';
import { JOURNAL, RUN_MANIFEST, TABLES, VIRUS_SEQUENCES } from './files.js';
import { MANIFEST_FORMAT_VERSION, type ManifestFile, type RunManifest } from './manifest.js';
import { outputError } from './output-error.js';
import { REPLACEMENT_FOLDER } from './put-in-place.js';
import { codeOf } from './system.js';

/** The files that a call rewrites. */
export const RESCORED_FILES = [...TABLES.tsv, VIRUS_SEQUENCES].map(({ name }) => name);

/**
 * Reads the run.json of a finished run.
 *
 * @throws VirnucproError VNP_OUTPUT if there is none, or it is malformed or of another format version
 */
export async function readManifest(directory: string): Promise<RunManifest> {
  const path = join(directory, RUN_MANIFEST.name);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw outputError('cannot be read', path, cause);
  });
  if (text === undefined) throw await withoutManifest(directory);
  const manifest = parse(text, path);
  const { formatVersion } = manifest;
  if (formatVersion !== MANIFEST_FORMAT_VERSION) {
    throw new VirnucproError(
      'VNP_OUTPUT',
      `${path} has format version ${String(formatVersion)}, but this release reads version ` +
        `${MANIFEST_FORMAT_VERSION}. Use the release that wrote it`,
    );
  }
  const problem = problemOf(manifest);
  if (problem !== undefined) throw damaged(path, problem);
  return manifest as RunManifest;
}

async function withoutManifest(directory: string): Promise<VirnucproError> {
  const names = await readdir(directory).catch((cause: unknown) => {
    throw outputError('cannot be read', directory, cause);
  });
  const [found, next] = whatIsThere(names);
  const message = `${directory} does not hold the results of a finished run: ${found}. ${next}`;
  return new VirnucproError('VNP_OUTPUT', message);
}

/** What is there instead, and what to do about it. */
function whatIsThere(names: readonly string[]): [string, string] {
  if (names.includes(REPLACEMENT_FOLDER)) {
    return [
      'its results are being put in place',
      'Wait for that or, if it was interrupted, run call without --output, which completes it',
    ];
  }
  if (names.some((name) => name === JOURNAL.name || name.startsWith('.unfinished-'))) {
    return ['its run is unfinished', 'Resume it with predict --resume first'];
  }
  return ['it has no run.json', 'Name a directory that predict has written'];
}

function parse(text: string, path: string): Partial<RunManifest> {
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content === 'object' && content !== null) return content;
  } catch (error) {
    throw damaged(path, reasonOf(error));
  }
  throw damaged(path, 'it is not an object');
}

function damaged(path: string, problem: string): VirnucproError {
  const message = `${path} does not describe a run as predict writes it: ${problem}. Predict again`;
  return new VirnucproError('VNP_OUTPUT', message);
}

type Fields = Readonly<Record<string, unknown>>;

const isText = (value: unknown): boolean => typeof value === 'string';
const isNumber = (value: unknown): boolean => typeof value === 'number';
const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

/** Whether a value is a list of files with sizes and hashes, in which `isRight` accepts the field `name` of each. */
function areFiles(value: unknown, name: string, isRight: (text: unknown) => boolean): boolean {
  if (!Array.isArray(value)) return false;
  return value.map(fieldsOf).every((file) => isNumber(file['bytes']) && isText(file['sha256']) && isRight(file[name]));
}

function areParts(value: unknown): boolean {
  return Array.isArray(value) && value.map(fieldsOf).every(({ role, sha256 }) => isText(role) && isText(sha256));
}

/** Checks the fields of run.json that a call uses; the others are passed on unchanged. */
function problemOf(manifest: Fields): string | undefined {
  const [model, parameters, counts] = [manifest['model'], manifest['parameters'], manifest['counts']].map(fieldsOf);
  const areNumbers = (fields: Fields | undefined, ...names: string[]): boolean =>
    names.every((name) => isNumber(fields?.[name]));
  const isFileName = (name: unknown): boolean => typeof name === 'string' && !/[/\0]/.test(name);
  const checks: Readonly<Record<string, boolean>> = {
    outcome: ['complete', 'partial', 'stopped'].includes(manifest['outcome'] as string),
    model: isText(model?.['name']) && typeof model?.['random'] === 'boolean' && areParts(model['parts']),
    inputs: areFiles(manifest['inputs'], 'path', isText),
    parameters: areNumbers(parameters, 'threshold', 'minFraction'),
    counts: areNumbers(counts, 'records', 'windows', 'windowsScored', 'framesScored'),
    files: areFiles(manifest['files'], 'name', isFileName),
    warnings: Array.isArray(manifest['warnings']),
    // Absent in runs of early versions.
    workingDirectory: manifest['workingDirectory'] === undefined || isText(manifest['workingDirectory']),
    rescored: manifest['rescored'] === undefined || Array.isArray(manifest['rescored']),
  };
  const wrong = Object.keys(checks).find((name) => !checks[name]);
  if (wrong !== undefined) return `it has no valid "${wrong}"`;
  const names = new Set((manifest['files'] as readonly Fields[]).map(({ name }) => name));
  const needed = hasParquetTables(manifest) ? TABLES.parquet.map(({ name }) => name) : RESCORED_FILES;
  const missing = needed.find((name) => !names.has(name));
  return missing === undefined ? undefined : `its files lack ${missing}`;
}

/** Whether the tables are Parquet; runs of early versions do not say. */
export function hasParquetTables({ parameters }: Pick<RunManifest, 'parameters'> | Fields): boolean {
  return fieldsOf(parameters)['tables'] === 'parquet';
}

const READ_BYTES = 1024 * 1024;

export interface CheckOptions {
  /** Files to check by size alone. Default none. */
  readonly bySizeAlone?: readonly string[];
  /** Ends the check: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds files that differ from run.json: first by all sizes, which cost nothing, then by hashes.
 *
 * @param directory as errors name it
 * @throws VirnucproError VNP_OUTPUT; the signal's reason
 */
export async function checkFiles(
  directory: string,
  files: readonly ManifestFile[],
  { bySizeAlone = [], signal }: CheckOptions = {},
): Promise<void> {
  for (const file of files) {
    const path = join(directory, file.name);
    const { size } = await stat(path).catch((cause: unknown) => {
      if (codeOf(cause) !== 'ENOENT') throw outputError('cannot be read', path, cause);
      const message = `${path} does not exist (ENOENT), but run.json says ${file.bytes} bytes. ${NEXT}`;
      throw new VirnucproError('VNP_OUTPUT', message);
    });
    checkFile(directory, file, { bytes: size, sha256: file.sha256 });
  }
  for (const file of files) {
    if (bySizeAlone.includes(file.name)) continue;
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      for await (const block of createReadStream(join(directory, file.name), { highWaterMark: READ_BYTES })) {
        signal?.throwIfAborted();
        hash.update(block as Uint8Array);
        bytes += (block as Uint8Array).length;
      }
    } catch (cause) {
      signal?.throwIfAborted();
      throw outputError('cannot be read', join(directory, file.name), cause);
    }
    checkFile(directory, file, { bytes, sha256: hash.digest('hex') });
  }
}

/** @throws VirnucproError VNP_OUTPUT if what was found differs from run.json */
export function checkFile(directory: string, file: ManifestFile, found: FileSummary): void {
  if (found.bytes === file.bytes && found.sha256 === file.sha256) return;
  const hash = found.sha256 === file.sha256 ? '' : ` with the SHA-256 ${found.sha256}`;
  throw new VirnucproError(
    'VNP_OUTPUT',
    `${join(directory, file.name)} has ${found.bytes} bytes${hash}, but run.json says ${file.bytes} bytes with the ` +
      `SHA-256 ${file.sha256}. ${NEXT}`,
  );
}

/** The message of an error of `checkFiles`, without its advice. */
export function whatChanged({ message }: VirnucproError): string {
  return message.replace(`. ${NEXT}`, '');
}

const NEXT = 'The file was changed after the run: predict again, with --resume or --force';
