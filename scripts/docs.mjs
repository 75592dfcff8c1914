// @ts-check
/**
 * Writes the parts of the documentation that come from the code: `npm run docs`. The options in docs/cli.md come from
 * the command line itself, the exit codes there from lib/cli/exit-codes.ts, the fields of `bench --json` from
 * lib/benchmark/report.ts, the tables of files and columns in docs/outputs.md from lib/output/files.ts, the events in
 * docs/events.md from lib/monitor/event-schema.ts, the error codes in docs/troubleshooting.md from lib/error-codes.ts, and
 * docs/api from the types and comments of the entry points.
 * With --check it writes nothing; it exits with 1 if something would change.
 */
import { EXIT_MEANINGS } from '../dist/lib/cli/exit-codes.js';
import { buildProgram } from '../dist/lib/cli/main.js';
import { BENCHMARK_FIELDS } from '../dist/lib/benchmark.js';
import { EVENT_SCHEMA, EVENT_SCHEMA_VERSION } from '../dist/lib/monitor/event-schema.js';
import { OUTPUT_FILES } from '../dist/lib/output/files.js';
import { ERROR_CODES } from '../dist/lib/error-codes.js';
import { writeApiPages } from './docs/api-pages.mjs';
import { fillPart } from './docs/marked-part.mjs';

const check = process.argv.includes('--check');
/** @type {string[]} */
const outdated = [];

/** @param {import('commander').Command} command @param {string} path @returns {string} */
function commandSection(command, path) {
  // A fixed width, so that the text does not depend on the terminal.
  command.configureHelp({ helpWidth: 110 });
  const title = path === 'virnucpro' ? '' : `## \`${path}\`\n\n`;
  const own = `${title}\`\`\`text\n${command.helpInformation().trim()}\n\`\`\`\n`;
  const subcommands = command.commands.filter((child) => child.name() !== 'help');
  return [own, ...subcommands.map((child) => commandSection(child, `${path} ${child.name()}`))].join('\n');
}

/** @param {string} text */
const cell = (text) => text.replaceAll('|', '\\|');

/** @param {typeof OUTPUT_FILES[number]} file */
function fileSection(file) {
  const when = {
    always: '',
    'keep-intermediate': ' Only with `--keep-intermediate`.',
    'tsv-tables': ' Not with `--tables parquet`.',
    'parquet-tables': ' Only with `--tables parquet`.',
    'save-embeddings': ' Only with `--save-embeddings`, and only this file is read by `call --model`.',
    'embeddings-format': ' Only with `--embeddings-format`.',
    unfinished: ' Only as long as the run is not complete.',
    failures: ' Only after failures.',
  };
  const head = `### \`${file.name}\`\n\n${file.meaning}${when[file.when]} Format: ${file.format}.\n`;
  if (file.columns.length === 0) return head;
  const rows = file.columns.map(({ name, meaning, unit }) => `| \`${name}\` | ${cell(meaning)} | ${cell(unit)} |`);
  return `${head}\n| column | meaning | unit |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}

function exitCodes() {
  const rows = EXIT_MEANINGS.map(
    ({ code, outcome, meaning }) => `| ${code} | ${outcome ? `\`${outcome}\`` : ''} | ${cell(meaning)} |`,
  );
  return `| exit code | \`outcome\` in run.json | meaning |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}

function benchmarkFields() {
  const rows = Object.entries(BENCHMARK_FIELDS).map(
    ([name, { meaning, unit }]) => `| \`${name}\` | ${cell(meaning)} | ${cell(unit)} |`,
  );
  return `| field | meaning | unit |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}

/** @typedef {import('../dist/lib/monitor/event-schema.js').FieldMeaning} FieldMeaning */

/** @type {Record<FieldMeaning['type'], string>} */
const JSON_TYPES = {
  ...{ string: 'string', number: 'number', boolean: 'boolean' },
  ...{ strings: 'array of strings', object: 'object', objects: 'array of objects' },
};

/** @param {Readonly<Record<string, FieldMeaning>>} fields @param {string} prefix @returns {string[]} */
function fieldRows(fields, prefix = '') {
  return Object.entries(fields).flatMap(([name, field]) => {
    const { type, meaning, unit = '', nullable, optional, fields: inner } = field;
    const kind = `${JSON_TYPES[type]}${nullable ? ' or null' : ''}${optional ? ', may be missing' : ''}`;
    const row = `| \`${prefix}${name}\` | ${kind} | ${cell(meaning)} | ${cell(unit)} |`;
    return inner ? [row, ...fieldRows(inner, `${prefix}${name}${type === 'objects' ? '[]' : ''}.`)] : [row];
  });
}

function eventSections() {
  const sections = Object.entries(EVENT_SCHEMA).map(([name, { meaning, fields }]) => {
    const rows = fieldRows(fields);
    const table = `| field | type | meaning | unit |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
    return `## \`${name}\`\n\n${meaning}\n${rows.length > 0 ? `\n${table}` : ''}`;
  });
  return [`The version of the schema is ${EVENT_SCHEMA_VERSION}.\n`, ...sections].join('\n');
}

function errorSections() {
  const sections = Object.entries(ERROR_CODES).map(
    ([code, { meaning, remedy }]) => `## \`${code}\`\n\n${meaning}\n\n${remedy}\n`,
  );
  return sections.join('\n');
}

/** @param {string} name @param {string} mark @param {string} text */
async function fill(name, mark, text) {
  if (await fillPart({ name, mark, script: 'docs' }, text, check)) outdated.push(name);
}

await fill('docs/cli.md', 'options', commandSection(buildProgram(), 'virnucpro'));
await fill('docs/cli.md', 'exit codes', exitCodes());
await fill('docs/cli.md', 'benchmark fields', benchmarkFields());
await fill('docs/events.md', 'events', eventSections());
await fill('docs/outputs.md', 'outputs', OUTPUT_FILES.map(fileSection).join('\n'));
await fill('docs/troubleshooting.md', 'error codes', errorSections());
const api = await writeApiPages(check);
outdated.push(...api.outdated);
for (const problem of api.problems) console.log(problem);
for (const name of new Set(outdated))
  console.log(`${name} ${check ? 'is not what the code says; run npm run docs' : 'written'}`);
process.exitCode = (check && outdated.length > 0) || api.problems.length > 0 ? 1 : 0;
