// @ts-check
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Application, TSConfigReader, TypeDocReader } from 'typedoc';
import { inRepository } from '../setup/repository.mjs';

const FOLDER = 'docs/api';

/** BENCHMARK_FIELDS says what each of its fields means. */
const DOCUMENTED_ELSEWHERE = /\bbenchmark\.BenchmarkReport\.\w+ \(Property\)/;

/**
 * Writes one page for each entry point, from the types and their comments, as typedoc.json says.
 * @param {boolean} check whether to only compare, without writing
 * @returns {Promise<{ outdated: string[], problems: string[] }>} the pages that differed; undocumented exports and the
 *   like, a sentence each
 */
export async function writeApiPages(check) {
  const made = mkdtempSync(join(tmpdir(), 'virnucpro-api-'));
  try {
    const { isMade, problems } = await generate(made);
    return { outdated: isMade ? takeOver(made, inRepository(FOLDER), check) : [], problems };
  } finally {
    rmSync(made, { recursive: true });
  }
}

/** @param {string} folder @returns {Promise<{ isMade: boolean, problems: string[] }>} */
async function generate(folder) {
  const options = { options: inRepository('typedoc.json'), tsconfig: inRepository('tsconfig.json'), out: folder };
  const app = await Application.bootstrapWithPlugins(options, [new TypeDocReader(), new TSConfigReader()]);
  /** @type {string[]} */
  const problems = [];
  app.logger.log = (text, level) => {
    if (level >= 2 && !DOCUMENTED_ELSEWHERE.test(text)) problems.push(text);
  };
  const project = await app.convert();
  if (!project) return { isMade: false, problems };
  app.validate(project);
  await app.generateOutputs(project);
  return { isMade: true, problems };
}

/** Makes `target` hold the pages of `made`. @param {string} made @param {string} target @param {boolean} check */
function takeOver(made, target, check) {
  /** @param {string} folder */
  const pages = (folder) => (existsSync(folder) ? readdirSync(folder) : []);
  /** @param {string} folder @param {string} name */
  const text = (folder, name) =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : undefined;
  const names = new Set([...pages(made), ...pages(target)]);
  const outdated = [...names].filter((name) => text(made, name) !== text(target, name));
  if (check) return outdated.map((name) => `${FOLDER}/${name}`);
  mkdirSync(target, { recursive: true });
  for (const name of outdated) {
    const wanted = text(made, name);
    if (wanted === undefined) rmSync(join(target, name));
    else writeFileSync(join(target, name), wanted);
  }
  return outdated.map((name) => `${FOLDER}/${name}`);
}
