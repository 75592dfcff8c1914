import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expected, reasonOf, type VirnucproError } from '../errors.js';
import { CONTIGS_TABLE, JOURNAL, RUN_MANIFEST, VIRUS_SEQUENCES, WINDOWS_TABLE } from '../output/files.js';
import { MANIFEST_FORMAT_VERSION, type RunManifest } from '../output/manifest.js';
import { outputError } from '../output/output-error.js';
import { REPLACEMENT_FOLDER } from '../output/put-in-place.js';

/** The files that a call writes anew. */
export const RECALLED_FILES = [CONTIGS_TABLE, WINDOWS_TABLE, VIRUS_SEQUENCES].map(({ name }) => name);

/**
 * run.json of a finished run.
 *
 * @throws VirnucproError VNP_OUTPUT where there is none, or none that can be worked with
 */
export async function readManifest(directory: string): Promise<RunManifest> {
  const path = join(directory, RUN_MANIFEST.name);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw outputError('a readable file', path, cause);
  });
  if (text === undefined) throw await withoutManifest(directory);
  const manifest = parse(text, path);
  const { formatVersion } = manifest;
  if (formatVersion !== MANIFEST_FORMAT_VERSION) {
    const what = `format version ${MANIFEST_FORMAT_VERSION}`;
    throw expected('VNP_OUTPUT', what, path, `version ${String(formatVersion)}`, 'Use the version that wrote it');
  }
  const problem = problemOf(manifest);
  if (problem !== undefined) throw damaged(path, problem);
  return manifest as RunManifest;
}

async function withoutManifest(directory: string): Promise<VirnucproError> {
  const names = await readdir(directory).catch((cause: unknown) => {
    throw outputError('the directory of a finished run', directory, cause);
  });
  const [received, next] = whatIsThere(names);
  return expected('VNP_OUTPUT', 'the results of a finished run', directory, received, next);
}

/** What is there instead, and what to do about it. */
function whatIsThere(names: readonly string[]): [string, string] {
  if (names.includes(REPLACEMENT_FOLDER)) {
    return [
      'results that are being put in place',
      'Wait for that, or where it was interrupted call once without --output, which ends it',
    ];
  }
  if (names.some((name) => name === JOURNAL.name || name.startsWith('.unfinished-'))) {
    return ['an unfinished run', 'Go on with it by predict --resume first'];
  }
  return ['no run.json', 'Name a directory that predict has written'];
}

function parse(text: string, path: string): Partial<RunManifest> {
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content === 'object' && content !== null) return content;
  } catch (error) {
    throw damaged(path, reasonOf(error));
  }
  throw damaged(path, 'something else');
}

function damaged(path: string, received: string): VirnucproError {
  return expected('VNP_OUTPUT', 'the description of a run as predict writes it', path, received, 'Predict again');
}

type Fields = Readonly<Record<string, unknown>>;

const isText = (value: unknown): boolean => typeof value === 'string';
const isNumber = (value: unknown): boolean => typeof value === 'number';
const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

/** Whether it is a list of files with their sizes and hashes, each with a right `name`. */
function areFiles(value: unknown, name: string, isRight: (text: unknown) => boolean): boolean {
  if (!Array.isArray(value)) return false;
  return value.map(fieldsOf).every((file) => isNumber(file['bytes']) && isText(file['sha256']) && isRight(file[name]));
}

function areParts(value: unknown): boolean {
  return Array.isArray(value) && value.map(fieldsOf).every(({ role, sha256 }) => isText(role) && isText(sha256));
}

/** What a call takes from run.json must be what it says; the rest is passed on as it is. */
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
    // Runs of early versions do not say it.
    workingDirectory: manifest['workingDirectory'] === undefined || isText(manifest['workingDirectory']),
    rescored: manifest['rescored'] === undefined || Array.isArray(manifest['rescored']),
  };
  const wrong = Object.keys(checks).find((name) => !checks[name]);
  if (wrong !== undefined) return `no right "${wrong}"`;
  const names = new Set((manifest['files'] as readonly Fields[]).map(({ name }) => name));
  const missing = RECALLED_FILES.find((name) => !names.has(name));
  return missing === undefined ? undefined : `no ${missing} among its files`;
}
