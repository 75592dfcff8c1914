import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunManifest } from '../../lib/output/manifest.js';
import { installGoldenModel, type InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { succeeds } from './command-line.js';

/** A clock that jumps by a year whenever it is read. */
const unsteadyClock = (years: number): string => `
let offset = 0;
const RealDate = Date;
const now = () => RealDate.now() + (offset += ${years} * 365 * 86_400_000);
globalThis.Date = class extends RealDate {
  constructor(...words) {
    super(...(words.length === 0 ? [now()] : words));
  }
  static now() {
    return now();
  }
};`;

/** The durations among the fields of events and of run.json, at any depth. */
function durationsIn(value: unknown, name = ''): number[] {
  if (typeof value === 'number') return /seconds(?!Left)/i.test(name) ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => durationsIn(inner, /seconds/i.test(name) ? name : key));
}

describe('a clock that is set during a run', () => {
  let folder: string;
  let installed: InstalledModel;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-clock-'));
    installed = await installGoldenModel();
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
    installed.remove();
  });

  for (const [direction, years] of [
    ['forward', 1],
    ['back', -1],
  ] as const) {
    it(`changes no duration: ${direction}`, async () => {
      const preload = join(folder, `${direction}.mjs`);
      writeFileSync(preload, unsteadyClock(years));
      const output = join(folder, direction);
      const input = fixture('golden', 'end_to_end', 'input.fa');
      const args = ['predict', input, '--output', output, '--model', 'golden', '--device', 'cpu', '--threads', '1'];
      const environment = { NODE_OPTIONS: `--import ${preload}` };
      const start = performance.now();
      const { errors } = await succeeds([...args, '--log-format', 'json', '--progress-interval', '0.2'], {
        ...{ models: installed.models, environment },
      });
      const taken = (performance.now() - start) / 1000;
      const manifest = JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as RunManifest;
      const apart = Math.abs(Date.parse(manifest.finished) - Date.parse(manifest.started)) / 86_400_000 / 365;
      assert.ok(apart > 0.9, 'the clock was not set in the run');
      const events = errors
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown);
      const durations = [...durationsIn(manifest), ...events.flatMap((event) => durationsIn(event))];
      assert.ok(durations.length > 8, String(durations));
      for (const seconds of durations) assert.ok(seconds >= 0 && seconds <= taken, `${seconds} of ${taken} s`);
      assert.ok(manifest.seconds['total']! > 0);
    });
  }
});
