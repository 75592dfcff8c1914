// @ts-check
import { readFileSync, writeFileSync } from 'node:fs';

/** @typedef {{ id: string, sequence: string }} FastaRecord */

/** @param {string} path @returns {FastaRecord[]} */
export function fastaRecords(path) {
  return readFileSync(path, 'latin1')
    .split(/^>/m)
    .slice(1)
    .map((text) => {
      const [title = '', ...lines] = text.split('\n');
      return { id: title.trim().split(/\s/)[0] ?? '', sequence: lines.join('').replace(/\s/g, '') };
    });
}

/** @param {string} path @param {readonly FastaRecord[]} records */
export function writeFasta(path, records) {
  writeFileSync(path, records.map(({ id, sequence }) => `>${id}\n${sequence}\n`).join(''));
}

/** Every slice gets every `count`th record, so all are alike. @param {readonly FastaRecord[]} records @param {number} count */
export function slicesOf(records, count) {
  return Array.from({ length: count }, (_, slice) => records.filter((_record, index) => index % count === slice));
}

/** @param {readonly FastaRecord[]} records */
export function residuesOf(records) {
  return records.reduce((sum, { sequence }) => sum + sequence.length, 0);
}
