import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ESLint, type Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { repositoryRoot } from '../repository.js';

/** The import rules need no types: without types a file need not be part of the program. */
const withoutTypes: Linter.Config[] = [
  { languageOptions: { parserOptions: { projectService: false } } },
  tseslint.configs.disableTypeChecked,
];

describe('the layers of lib/', () => {
  const linter = new ESLint({ cwd: repositoryRoot, overrideConfig: withoutTypes });

  /** Any module of a folder of lib/. */
  function moduleOf(folder: string): string {
    const path = join(repositoryRoot, 'lib', folder);
    const name = existsSync(path) ? readdirSync(path).find((entry) => entry.endsWith('.ts')) : undefined;
    assert.ok(name, `there is no module in lib/${folder}`);
    return `../${folder}/${name.replace(/\.ts$/, '.js')}`;
  }
  async function brokenRules(file: string, source: string): Promise<string[]> {
    const [result] = await linter.lintText(source, { filePath: join(repositoryRoot, file) });
    return (result?.messages ?? []).map(({ ruleId, message }) => ruleId ?? message);
  }

  const forbidden = {
    input: ['windows', 'models', 'engine', 'predict'],
    windows: ['batches', 'models', 'engine', 'predict'],
    batches: ['models', 'engine', 'predict'],
    engine: ['input', 'windows', 'models', 'predict', 'output'],
    models: ['input', 'predict', 'output'],
    scoring: ['batches', 'models', 'engine', 'predict', 'output'],
    predict: ['output'],
    output: ['input', 'models', 'engine'],
    rescore: ['models', 'engine'],
    monitor: ['input', 'models', 'engine', 'output'],
    setup: ['models', 'predict', 'cli'],
    results: ['rescore', 'monitor', 'cli'],
    cli: ['predict', 'models', 'engine', 'input', 'results'],
  };
  for (const [from, targets] of Object.entries(forbidden)) {
    for (const to of targets) {
      it(`forbid ${from} to import ${to}`, async () => {
        const source = `export * from '${moduleOf(to)}';\n`;
        assert.deepEqual(await brokenRules(`lib/${from}/probe.ts`, source), ['import-x/no-restricted-paths']);
      });
    }
  }

  const allowed = {
    windows: 'input',
    engine: 'batches',
    models: 'engine',
    predict: 'models',
    output: 'scoring',
    rescore: 'output',
    results: 'output',
    cli: 'rescore',
  };
  for (const [from, to] of Object.entries(allowed)) {
    it(`allow ${from} to import ${to}`, async () => {
      assert.deepEqual(await brokenRules(`lib/${from}/probe.ts`, `export * from '${moduleOf(to)}';\n`), []);
    });
  }

  it('forbid types across them as well', async () => {
    const source = "import type { Addon } from '../engine/addon.js';\nexport type Alias = Addon;\n";
    assert.deepEqual(await brokenRules('lib/input/probe.ts', source), ['import-x/no-restricted-paths']);
  });

  it('forbid a circle inside one', async () => {
    const source = "export { loadAddon } from './load.js';\nexport const supportedLibtorch = '2.11';\n";
    assert.deepEqual(await brokenRules('lib/engine/libtorch/find-libtorch.ts', source), ['import-x/no-cycle']);
  });
});
