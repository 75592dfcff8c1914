import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { temperatureOf, UNCALIBRATED } from '../index.js';
import type { InputFile, InspectedModel } from '../index.js';
import { JOURNAL, RUN_MANIFEST } from '../output/files.js';
import { isFinal, type RunManifest } from '../output/manifest.js';
import { readManifest } from '../recall/result-manifest.js';
import type { PredictWords } from './predict-options.js';

/**
 * The run of this very command whose results the output directory holds, where nothing is left to do: for a job that is
 * put into the queue again. Its inputs are hashed for that; of standard input it cannot be known.
 */
export async function completeRun(
  words: PredictWords,
  model: InspectedModel,
  inputs: readonly InputFile[],
): Promise<RunManifest | undefined> {
  const has = (name: string): boolean => existsSync(join(words.output, name));
  if (has(JOURNAL.name) || !has(RUN_MANIFEST.name)) return undefined;
  const manifest = await readManifest(words.output);
  const isThisRun =
    isFinal(manifest) &&
    hasSameParameters(manifest, words, temperatureOf(model, words.calibration)) &&
    model.parts.every(
      ({ part, sha256 }) => manifest.model.parts.find(({ role }) => role === part)?.sha256 === sha256,
    ) &&
    (await hasSameInputs(manifest, inputs));
  return isThisRun ? manifest : undefined;
}

function hasSameParameters({ parameters, devices }: RunManifest, words: PredictWords, temperature: number): boolean {
  const { threshold, minFraction, precision, engine, keepIntermediate = false, saveEmbeddings = false } = words;
  const wanted = { threshold, minFraction, engine, keepIntermediate, saveEmbeddings };
  return (
    (precision === 'auto' || devices.every((device) => device.precision === precision)) &&
    (parameters.temperature ?? UNCALIBRATED) === temperature &&
    Object.entries(wanted).every(([name, value]) => parameters[name] === value)
  );
}

async function hasSameInputs({ inputs }: RunManifest, files: readonly InputFile[]): Promise<boolean> {
  if (inputs.length !== files.length) return false;
  for (const [index, { path, size }] of files.entries()) {
    // Sizes first: they cost nothing. What has none is no file, and cannot be read twice.
    if (size === undefined || inputs[index]!.bytes !== size) return false;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    if (inputs[index]!.sha256 !== hash.digest('hex')) return false;
  }
  return true;
}
