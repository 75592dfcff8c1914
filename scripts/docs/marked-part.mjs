// @ts-check
import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { inRepository } from '../setup/repository.mjs';

/**
 * Replaces the text between the two marks of a file.
 * @param {{ name: string, mark: string, script: string }} part the file, the mark, and the npm script that writes it
 * @param {string} text
 * @param {boolean} check whether to only compare, without writing
 * @returns {Promise<boolean>} whether the text differed
 */
export async function fillPart({ name, mark, script }, text, check = false) {
  const path = inRepository(name);
  const before = readFileSync(path, 'utf8');
  const [start, end] = [`<!-- ${mark}: written by npm run ${script} -->\n`, `<!-- end of ${mark} -->`];
  const from = before.indexOf(start);
  const to = before.indexOf(end);
  if (from < 0 || to < from) throw new Error(`Expected the marks of ${mark} in ${name}`);
  const filled = `${before.slice(0, from)}${start}\n${text}\n${before.slice(to)}`;
  const after = await format(filled, { ...(await resolveConfig(path)), parser: 'markdown' });
  if (after === before) return false;
  if (!check) writeFileSync(path, after);
  return true;
}
