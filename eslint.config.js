import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/**
 * The layers: what each folder of lib/ may import from outside itself. Any other import is an error, so that imports
 * run one way: cli, the entries, results, predict, models, engine, with the stages of the data beside them.
 */
const layers = {
  input: ['errors.ts', 'option-checks.ts', 'disk.ts', 'unless-aborted.ts'],
  windows: ['errors.ts', 'input'],
  batches: ['errors.ts', 'windows'],
  engine: ['errors.ts', 'option-checks.ts', 'package.ts', 'process-memory.ts', 'unless-aborted.ts', 'batches'],
  models: ['errors.ts', 'option-checks.ts', 'disk.ts', 'package.ts', 'unless-aborted.ts', 'batches', 'engine'],
  // Runs before libtorch is there.
  setup: ['errors.ts', 'package.ts', 'engine/libtorch/cuda.ts', 'engine/libtorch/find-libtorch.ts'],
  journal: ['errors.ts', 'disk.ts', 'batches/tokens.ts', 'engine/addon.ts'],
  // What scores mean: rules, sums and the results that carry them. Shared by predict, output and rescore.
  scoring: ['input/record.ts', 'windows/open-reading-frames.ts'],
  predict: [
    ...['errors.ts', 'option-checks.ts', 'package.ts', 'input', 'windows', 'batches', 'models', 'engine', 'journal'],
    // For `logger`: what events say.
    ...['scoring', 'unless-aborted.ts', 'monitor/event-text.ts'],
  ],
  embed: [
    ...['errors.ts', 'option-checks.ts', 'package.ts', 'unless-aborted.ts', 'batches', 'models', 'engine'],
    ...['predict/events.ts', 'predict/open-pool.ts', 'predict/options.ts', 'predict/resolve-options.ts'],
    'predict/plan-devices.ts',
  ],
  diagnosis: ['errors.ts', 'option-checks.ts', 'package.ts', 'batches', 'engine', 'models'],
  benchmark: [
    ...['errors.ts', 'option-checks.ts', 'package.ts', 'input', 'windows', 'batches', 'models', 'engine'],
    ...['predict/options.ts', 'predict/resolve-options.ts'],
  ],
  // Writes a prediction into its result files: nothing else knows both.
  results: [
    ...['errors.ts', 'option-checks.ts', 'package.ts', 'process-memory.ts', 'input', 'engine/pool'],
    ...['engine/libtorch/load.ts', 'models/folder/model-folder.ts', 'output', 'scoring', 'predict', 'embedding-files'],
  ],
  // The package's entries, and what the command line needs beside them.
  'index.ts': [
    ...['errors.ts', 'supported-node.ts', 'package.ts', 'input', 'engine', 'diagnosis', 'scoring', 'predict'],
    ...['embed', 'models/folder/model-folder.ts'],
    ...['results', 'output/manifest.ts'],
  ],
  'models.ts': ['supported-node.ts', 'models', 'predict/embedding-classifier.ts'],
  'diagnostics.ts': ['supported-node.ts', 'diagnosis', 'engine'],
  'benchmark.ts': ['supported-node.ts', 'benchmark', 'engine'],
  'internal.ts': ['engine', 'models', 'scoring', 'embed', 'embedding-files', 'embedding-runs', 'predict', 'results'],
  // Sinks and views know the results and events of a prediction, but not how they came about.
  output: [
    ...['errors.ts', 'disk.ts', 'package.ts', 'scoring', 'predict/run-counts.ts', 'predict/run-status.ts'],
    ...['windows/windows.ts', 'unless-aborted.ts', 'embedding-files'],
  ],
  // Embeddings in the formats of other programs. Takes from output only what writes a single file.
  'embedding-files': [
    ...['errors.ts', 'disk.ts', 'package.ts', 'output/buffered-file.ts', 'output/output-error.ts'],
    ...['output/cell.ts', 'output/float-text.ts', 'output/parquet-bytes.ts', 'output/system.ts'],
  ],
  // Embeds records and writes them into a file: `virnucpro embed`.
  'embedding-runs': [
    ...['errors.ts', 'disk.ts', 'package.ts', 'process-memory.ts', 'input', 'engine', 'journal', 'embed'],
    ...['embedding-files', 'output', 'predict/options.ts', 'predict/run-status.ts'],
  ],
  // Rescores stored results, from files to files, without models and devices. A classifier is passed in.
  rescore: [
    ...['errors.ts', 'disk.ts', 'input', 'output', 'scoring', 'predict/run-counts.ts'],
    ...['windows/open-reading-frames.ts', 'windows/windows.ts'],
  ],
  monitor: [
    ...['errors.ts', 'predict/events.ts', 'predict/run-counts.ts', 'predict/run-status.ts'],
    ...['predict/summary.ts', 'scoring', 'embedding-runs/events.ts'],
  ],
  cli: [
    ...['errors.ts', 'package.ts', 'process-memory.ts', 'unless-aborted.ts', 'output', 'rescore', 'monitor'],
    'embedding-files',
    ...['index.ts', 'models.ts', 'diagnostics.ts', 'benchmark.ts', 'internal.ts'],
    // For exiting without waiting.
    ...['engine/libtorch/load.ts', 'benchmark/temporary-archive.ts'],
    // What `virnucpro setup` may fetch; the rest of lib/setup is loaded when it runs.
    'setup/wheel-table.ts',
  ],
  'error-codes.ts': [],
  'errors.ts': ['error-codes.ts'],
  'supported-node.ts': ['errors.ts', 'package.ts'],
  'option-checks.ts': ['errors.ts'],
  'disk.ts': [],
  'process-memory.ts': [],
  'package.ts': ['errors.ts'],
  'unless-aborted.ts': [],
};

const zones = Object.entries(layers).map(([layer, allowed]) => ({
  target: `./lib/${layer}`,
  from: './lib',
  except: [layer, ...allowed].map((path) => `./${path}`),
  message: `lib/${layer} may import only ${[layer, ...allowed].join(', ')}.`,
}));

export default defineConfig(
  { ignores: ['dist', 'build', 'prebuilds', 'coverage', 'test/fixtures'] },
  eslint.configs.recommended,
  {
    plugins: { 'import-x': importX },
    settings: {
      'import-x/extensions': ['.ts', '.js', '.mjs'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [createNodeResolver({ extensionAlias: { '.js': ['.ts', '.js'] } })],
    },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': ['error', { zones, basePath: import.meta.dirname }],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      eqeqeq: 'error',
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // Numbers read well in messages without conversion.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Sequences are ASCII: a character is a letter.
      '@typescript-eslint/no-misused-spread': 'off',
      // For an index inside a loop's bounds, which the compiler cannot prove.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/require-await': 'off' },
  },
  {
    files: ['lib/**/*.ts'],
    rules: { 'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }] },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        performance: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
      },
    },
  },
  {
    files: ['**/*.cjs', 'bin/*.js'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { require: 'readonly', module: 'writable', __dirname: 'readonly' },
    },
  },
);
