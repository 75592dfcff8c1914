// @ts-check
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';

/** @typedef {Record<string, string>} Row cells of contigs.tsv by their column's name */
/** @typedef {{ title: string, right?: boolean, cell: (row: Row) => string }} Column */

const MAX_NAME_LENGTH = 40;

/** @type {Column[]} */
const columns = [
  { title: 'contig', cell: ({ contig = '' }) => shortened(contig) },
  { title: 'length', right: true, cell: ({ length }) => Number(length).toLocaleString('en') },
  { title: 'verdict', cell: ({ verdict = '' }) => verdict },
  {
    title: 'virus windows',
    right: true,
    cell: (row) => `${row['windows_virus']} of ${row['windows_scored']}`,
  },
  { title: 'mean score', right: true, cell: ({ mean_virus_score: score }) => (score ? Number(score).toFixed(3) : '-') },
  { title: 'remark', cell: ({ reason = '' }) => reason },
];
/** @type {Column} */
const file = { title: 'file', cell: ({ source = '' }) => shortened(basename(source)) };

/**
 * The first rows of a contigs.tsv.
 * @param {string} path @param {number} most @returns {Promise<Row[]>}
 */
export async function firstRows(path, most) {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  /** @type {Row[]} */
  const rows = [];
  /** @type {string[] | undefined} */
  let titles;
  let number = 0;
  for await (const line of lines) {
    // The first line is a comment.
    if (number++ === 0) continue;
    const cells = line.split('\t');
    if (titles === undefined) titles = cells;
    else rows.push(Object.fromEntries(titles.map((title, at) => [title, cells[at] ?? ''])));
    if (rows.length === most) break;
  }
  return rows;
}

/**
 * Verdicts as a table for people; with a column for the file if there are several.
 * @param {readonly Row[]} rows
 */
export function verdictTable(rows) {
  const several = new Set(rows.map(({ source }) => source)).size > 1;
  const shown = several ? [file, ...columns] : columns;
  const cells = [shown.map(({ title }) => title), ...rows.map((row) => shown.map(({ cell }) => cell(row)))];
  const widths = shown.map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
  const lines = cells.map((line) =>
    line
      .map((text, at) => (shown[at]?.right ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return lines.join('\n');
}

/** @param {string} name */
function shortened(name) {
  return name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH - 1)}…` : name;
}
