import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import { virnucpro, type Ended, type RunOptions } from '../80-cli/command-line.js';
import { installGoldenModel, type InstalledModel } from '../golden-model.js';
import type { SimulatedMachine } from './machine.js';
import { predict, type Prediction } from './predict.js';
import { SimulatedGpus } from './simulated-gpus.js';

/** Records of 500 bases without the letter T: neither strand has a stop codon, so all six frames are scored. */
export function records(count: number): string {
  const next = seededNumbers(count);
  const letters = (): string => Array.from({ length: 500 }, () => 'ACG'[(next() >>> 8) % 3]).join('');
  return Array.from({ length: count }, (_, index) => `>record_${index}\n${letters()}\n`).join('');
}

/** Batches of one record each. */
export const SMALL_BATCHES = ['--esm-batch-size', '1024', '--dnabert-batch-size', '1024'];

/** A folder in which `virnucpro` runs on simulated machines, with the golden model. */
export class SimulatedRuns {
  readonly gpus: SimulatedGpus;
  readonly folder: string;
  readonly #installed: InstalledModel;

  private constructor(gpus: SimulatedGpus, installed: InstalledModel) {
    this.gpus = gpus;
    this.#installed = installed;
    this.folder = mkdtempSync(join(tmpdir(), 'virnucpro-simulated-'));
  }

  /** Skips the suite, with the reason, if GPUs cannot be simulated. */
  static async open(context: Mocha.Context): Promise<SimulatedRuns> {
    const gpus = SimulatedGpus.build(context);
    return new SimulatedRuns(gpus, await installGoldenModel());
  }

  remove(): void {
    this.#installed.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get models(): string {
    return this.#installed.models;
  }

  /** A file of this many records. */
  input(count: number): string {
    const path = join(this.folder, `${count}.fa`);
    writeFileSync(path, records(count));
    return path;
  }

  /** Runs `virnucpro` with these arguments; a failure does not throw. */
  command(machine: SimulatedMachine, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return virnucpro(args, { models: this.models, ...options, environment: this.#environment(machine, options) });
  }

  /** Runs `virnucpro predict` into a folder of this name. */
  predict(
    name: string,
    machine: SimulatedMachine,
    input: string,
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<Prediction> {
    const environment = this.#environment(machine, options);
    return predict(input, join(this.folder, name), args, { models: this.models, ...options, environment });
  }

  #environment(machine: SimulatedMachine, { environment }: RunOptions): Record<string, string> {
    return { ...this.gpus.environment(machine), ...environment };
  }
}
