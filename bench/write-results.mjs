// @ts-check
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../scripts/setup/child.mjs';
import { inRepository } from '../scripts/setup/repository.mjs';

/**
 * Writes a report as JSON and as Markdown, formatted like the repository.
 * @param {string} folder @param {string} name without an extension @param {unknown} report @param {string} markdown
 */
export async function writeResults(folder, name, report, markdown) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(`${path}.json`, JSON.stringify(report));
  writeFileSync(`${path}.md`, markdown);
  const prettier = inRepository('node_modules', 'prettier', 'bin', 'prettier.cjs');
  const { succeeded, output } = await run(process.execPath, [
    ...[prettier, '--config', inRepository('.prettierrc.json'), '--write', `${path}.json`, `${path}.md`],
  ]);
  if (!succeeded) throw new Error(`Could not lay out ${path}.md:\n${output.trim()}`);
  console.error(`written ${path}.md and .json`);
}

/** The day, as the names of results begin: `2026-11-30`. */
export function today() {
  return new Date().toISOString().slice(0, 10);
}

/** @param {readonly string[]} titles @param {readonly (readonly (string | number)[])[]} rows */
export function markdownTable(titles, rows) {
  return [titles, titles.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** @param {Record<string, string>} machine */
export function markdownList(machine) {
  return Object.entries(machine)
    .map(([name, value]) => `- ${name}: ${value}`)
    .join('\n');
}
