import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EVENT_SCHEMA_VERSION } from '../../lib/monitor/event-schema.js';
import { succeeds } from '../80-cli/command-line.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { mismatches } from './event-mismatches.js';

describe('the events of a real run', () => {
  let installed: InstalledModel;
  let folder: string;
  before(async () => {
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-events-'));
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  it('are those that the schema describes', async () => {
    const log = ['--log-format', 'json', '--log-level', 'debug', '--progress-interval', '0.005'];
    const work = ['--device', 'cpu', '--workers', '2', '--threads', '1', '-o', join(folder, 'output')];
    const { errors } = await succeeds(['predict', fixture('golden', 'end_to_end', 'input.fa'), ...work, ...log], {
      models: installed.models,
    });
    const lines = errors
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const { level: _level, time: _time, msg, schema, ...event } of lines) {
      assert.deepEqual(mismatches(event), [], JSON.stringify(event));
      assert.equal(schema, EVENT_SCHEMA_VERSION);
      assert.match(String(msg), /\S/);
    }
    const names = lines.map(({ event }) => event);
    for (const name of ['loading', 'loading-progress', 'device', 'progress', 'memory', 'device-summary', 'finished']) {
      assert.ok(names.includes(name), name);
    }
  });
});
