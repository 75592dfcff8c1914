import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderDashboard } from '../../lib/monitor/dashboard-layout.js';
import { repositoryRoot } from '../repository.js';
import { status, workers } from './statuses.js';

const COLUMNS = 100;

/** The lines of the terminal in the picture. */
function pictured(): string[] {
  const picture = readFileSync(join(repositoryRoot, 'docs', 'dashboard.svg'), 'utf8');
  return [...picture.matchAll(/<text [^>]*>(.*?)<\/text>/g)].map(([, line]) =>
    line!.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'),
  );
}

/** The form of a line, independent of the run: without its numbers, the lengths of its bars and what the devices do. */
function form(line: string): string {
  return line
    .replaceAll(/[█▏▎▍▌▋▊▉░]+/g, 'bar')
    .replaceAll(/(DNABERT-S|ESM-2) \d+ %|idle/g, 'stage')
    .replaceAll(/\b\d[\d.]*k?/g, '0')
    .replaceAll(/\b(kb|Mb|KiB|MiB)\b/g, 'size')
    .replaceAll(/ +/g, ' ')
    .trimEnd();
}

describe('the picture of the dashboard in README.md', () => {
  it('is what the dashboard draws today; npm run screen writes it anew', () => {
    const lines = pictured();
    assert.ok(lines.every((line) => line.length <= COLUMNS));
    const names = workers(4).map((worker, index) => ({ ...worker, name: `Fake GPU ${index}` }));
    const log = Array.from({ length: 30 }, () => ({ text: '', level: 'info' }) as const);
    const view = { columns: COLUMNS, rows: lines.length, title: '', log, ascii: false, logOnly: false };
    const drawn = renderDashboard([status({ workers: names })], { ...view, hasKeys: true, isStopping: false });
    const rule = drawn.findIndex((line) => line.startsWith('Log'));
    // The title and the log depend on the run.
    assert.deepEqual(lines.slice(1, rule + 1).map(form), drawn.slice(1, rule + 1).map(form));
    assert.equal(lines.at(-1), drawn.at(-1)!.trimEnd());
  });

  for (const page of ['README.md', join('docs', 'predicting.md')]) {
    it(`is shown, and said to be simulated, in ${page}`, () => {
      assert.match(
        readFileSync(join(repositoryRoot, page), 'utf8'),
        /!\[[^\]]*simulated[^\]]*\]\((docs\/)?dashboard\.svg\)/,
      );
    });
  }
});
