import assert from 'node:assert/strict';
import fc from 'fast-check';
import { overviewText, renderDashboard } from '../../lib/monitor/dashboard-layout.js';
import type { DashboardView, PaneLine } from '../../lib/monitor/dashboard-layout.js';
import { width } from '../../lib/monitor/printable.js';
import type { RunStatus } from '../../lib/predict/run-status.js';
import { status, worker, workers } from './statuses.js';

function view(columns: number, rows: number, given: Partial<DashboardView> = {}): DashboardView {
  const log: PaneLine[] = Array.from({ length: 50 }, (_, index) => ({ text: `line ${index}`, level: 'info' }));
  const defaults = { ascii: false, title: 'a run', logOnly: false, hasKeys: true, isStopping: false };
  return { ...defaults, columns, rows, log, ...given };
}

function screen(run: RunStatus, wanted: DashboardView): string {
  return renderDashboard([run], wanted).join('\n');
}

const SIZES = [
  [80, 24],
  [40, 10],
  [20, 5],
  [1, 1],
  [200, 60],
] as const;

describe('the dashboard as text', () => {
  for (const [columns, rows] of SIZES) {
    it(`fits a screen of ${columns} by ${rows}`, () => {
      for (const devices of [0, 1, 2, 8, 64]) {
        for (const logOnly of [false, true]) {
          const lines = renderDashboard([status({ workers: workers(devices) })], view(columns, rows, { logOnly }));
          assert.equal(lines.length, rows);
          for (const line of lines) assert.ok(width(line) <= columns, line);
        }
      }
    });
  }

  it('fits whatever the screen, the run and the names', () => {
    const anyView = fc.record({
      columns: fc.integer({ min: 1, max: 130 }),
      rows: fc.integer({ min: 1, max: 40 }),
      ascii: fc.boolean(),
      logOnly: fc.boolean(),
      hasKeys: fc.boolean(),
      isStopping: fc.boolean(),
      title: fc.string({ unit: 'grapheme' }),
    });
    const anyStatus = fc.record({
      workers: fc.array(
        fc
          .record({
            ...{ id: fc.string(), name: fc.string({ unit: 'binary' }), isLost: fc.boolean() },
            fraction: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
          })
          .map((given) => worker(given)),
        { maxLength: 12 },
      ),
      fraction: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
      secondsLeft: fc.option(fc.nat(1e7), { nil: undefined }),
      bytesTotal: fc.option(fc.nat(), { nil: undefined }),
      isPaused: fc.boolean(),
      frames: fc.nat(),
      framesFailed: fc.nat(),
    });
    const anyLog = fc.array(fc.record({ text: fc.string({ unit: 'binary' }), level: fc.constant('warn' as const) }));
    fc.assert(
      fc.property(anyView, anyStatus, anyLog, (wanted, given, log) => {
        const lines = renderDashboard([status(given)], { ...wanted, log });
        assert.equal(lines.length, wanted.rows);
        for (const line of lines) {
          assert.ok(width(line) <= wanted.columns, line);
          assert.match(line, wanted.ascii ? /^[ -~]*$/ : /^\P{C}*$/u);
        }
      }),
    );
  });

  it('gives every one of two devices two lines at 80 by 24', () => {
    const lines = renderDashboard([status({ workers: workers(2) })], view(80, 24));
    assert.match(lines[4]!, /^cuda:0 NVIDIA H200 +20\.0\/80\.0 GiB +peak 14\.2 GiB +98 % util +65 °C$/);
    assert.match(lines[5]!, /^ {2}▉░+ +12\.5 % +100 % busy +ESM-2 40 % +104 frames\/s +20\.8k tokens\/s *$/);
    assert.match(lines[6]!, /^cuda:1 /);
    assert.match(lines[8]!, /^Log/);
  });

  it('says what a bar is of, where there is room', () => {
    const lines = renderDashboard([status({ workers: workers(2) })], view(120, 24));
    assert.match(lines[5]!, /^ {2}█+░+ +12\.5 % of the run +100 % busy +ESM-2 40 % /);
  });

  it('gives each of eight devices one line at 80 by 24 below their headings, and the log the rest', () => {
    const lines = renderDashboard([status({ workers: workers(8) })], view(80, 24));
    assert.match(lines[4]!, /^device +of the run +busy +batch +frames\/s +tokens\/s +GiB +util *$/);
    for (let device = 0; device < 8; device++) {
      const line = lines[5 + device]!;
      const expected = new RegExp(
        String.raw`^cuda:${device} █[▏▎▍▌▋▊▉]?░+ +100 % +ESM-2 40 % +104 +20\.8k +20\.0/80\.0 +98 % *$`,
      );
      assert.match(line, expected);
      for (const [heading, value] of [
        ['busy', '100 %'],
        ['frames/s', '104 '],
        ['GiB', '20.0/80.0'],
      ] as const) {
        assert.equal(line.indexOf(value), lines[4]!.indexOf(heading), line);
      }
    }
    assert.match(lines[13]!, /^Log/);
    assert.equal(lines[22], 'line 49');
    assert.match(lines[23]!, /^q quit/);
  });

  it('has all figures of many devices on a wide screen, those of triage too', () => {
    const triage = workers(4).map((one) => ({ ...one, id: `triage:${one.id}`, fraction: 0.5 }));
    const all = [...workers(4), ...triage];
    const lines = renderDashboard([status({ workers: all })], view(120, 24));
    assert.match(lines[4]!, /^device +of the run +done +busy +batch .* util +°C *$/);
    assert.match(lines[5]!, /^cuda:0 +█.* 12\.5 % +100 % .* 98 % +65 *$/);
    assert.match(lines[9]!, /^triage:cuda:0 +█.* 50\.0 % +100 % .* 98 % +65 *$/);
  });

  it('shows the batch where nobody knows how long the run will be', () => {
    const known = { fraction: undefined, bytesTotal: undefined, secondsLeft: undefined };
    const all = (count: number): RunStatus =>
      status({ ...known, workers: workers(count).map((one) => ({ ...one, fraction: undefined })) });
    assert.match(renderDashboard([all(2)], view(80, 24))[5]!, /^ {2}[█▏▎▍▌▋▊▉]+░+ .*ESM-2 40 % /);
    assert.match(renderDashboard([all(2)], view(120, 24))[5]!, /^ {2}█+.░+ +100 % busy /);
    assert.match(renderDashboard([all(8)], view(80, 24))[4]!, /^device +batch /);
    assert.match(renderDashboard([all(8)], view(120, 24))[4]!, /^device +of the batch /);
  });

  it('says how many devices it has no room for', () => {
    const lines = renderDashboard([status({ workers: workers(64) })], view(80, 24));
    assert.ok(lines.some((line) => /^and \d+ more$/.test(line)));
    assert.ok(lines.some((line) => line.startsWith('Log')));
  });

  it('shows the fraction, the rest of the time, failures and figures', () => {
    const text = screen(status({ framesFailed: 3 }), view(100, 24));
    for (const part of ['50.0 %', '10 s left', '3 failed', '1000 of 1100 frames', '100 records', '60 MiB of 100 MiB']) {
      assert.ok(text.includes(part), part);
    }
  });

  it('shows numbers and no overall bar where the end is unknown', () => {
    const [, overall] = renderDashboard(
      [status({ fraction: undefined, bytesTotal: undefined, secondsLeft: undefined })],
      view(80, 24),
    );
    assert.equal(overall?.trim(), '50.0 Mb done  60 MiB read');
  });

  it('counts the letters of proteins as residues', () => {
    const proteins = { unit: 'sequence', letter: 'residue', lettersComputed: 12_300 } as const;
    const streamed = status({ ...proteins, fraction: undefined, bytesTotal: undefined, secondsLeft: undefined });
    const text = screen(streamed, view(120, 24));
    assert.match(text, /12\.3k residues done {2}60 MiB read/);
    assert.match(text, / 12\.3k residues\n/);
    assert.doesNotMatch(text, / [kMG]b\b/);
    assert.match(overviewText('embed', streamed), /^embed: 12\.3k residues done, 1000 sequences/);
    assert.match(screen(status({ ...proteins, lettersComputed: 512 }), view(120, 24)), / 512 residues\n/);
  });

  it('fills the bars by their shares', () => {
    const barOf = (fraction: number): string =>
      /[#-]{10,}/.exec(screen(status({ fraction }), view(80, 24, { ascii: true })))![0];
    const fine = (fraction: number): string => /[█▏▎▍▌▋▊▉░]{10,}/.exec(screen(status({ fraction }), view(80, 24)))![0];
    const columns = barOf(0).length;
    assert.equal(barOf(0), '-'.repeat(columns));
    assert.equal(barOf(1), '#'.repeat(columns));
    assert.equal(barOf(0.5).replaceAll('-', '').length, Math.round(columns / 2));
    assert.equal(fine(0.5 / columns), `▌${'░'.repeat(columns - 1)}`);
    assert.equal(fine(2.25 / columns), `██▎${'░'.repeat(columns - 3)}`);
    assert.equal(fine(1), '█'.repeat(columns));
  });

  it('names the stages of both models, idleness and loss', () => {
    const stages = [
      { stage: 'dna' },
      { stage: 'protein' },
      { stage: 'idle' },
      { isLost: true, stage: 'idle' },
    ] as const;
    const text = screen(status({ workers: stages.map((given) => worker(given)) }), view(80, 24));
    for (const stage of ['DNABERT-S', 'ESM-2', 'idle', 'lost']) assert.ok(text.includes(stage), stage);
  });

  it('leaves out what is not known of a device', () => {
    const unknown = { memory: undefined, utilisation: undefined, temperature: undefined };
    for (const count of [1, 8]) {
      const all = workers(count).map((one) => ({ ...one, ...unknown }));
      assert.doesNotMatch(screen(status({ workers: all }), view(80, 24)), /util|°C|GiB|peak|undefined|NaN/);
    }
  });

  it('says that it is paused, and how to go on', () => {
    const lines = renderDashboard([status({ isPaused: true })], view(80, 24));
    assert.match(lines[1]!, /PAUSED/);
    assert.match(lines[23]!, /p resume/);
  });

  it('names the keys, or why there are none, or what comes next', () => {
    const last = (given: Partial<DashboardView>): string => renderDashboard([status()], view(80, 24, given)).at(-1)!;
    assert.equal(last({}).trim(), 'q quit  p pause  l log  Ctrl-C twice: stop at once');
    assert.equal(renderDashboard([], view(80, 24)).at(-1)!.trim(), 'q quit  l log  Ctrl-C twice: stop at once');
    assert.match(last({ logOnly: true }), /l overview/);
    assert.match(last({ hasKeys: false }), /^No keys: standard input is in use/);
    assert.match(last({ isStopping: true }), /^Stopping .* Ctrl-C: stop at once/);
  });

  it('gives the log the whole screen when asked, the latest line last', () => {
    const lines = renderDashboard([status()], view(80, 24, { logOnly: true }));
    assert.match(lines[0]!, /^Log/);
    assert.deepEqual([lines[1], lines[22]], ['line 28', 'line 49']);
  });

  it('breaks long lines of the log', () => {
    const log: PaneLine[] = [{ text: `${'word '.repeat(30)}end`, level: 'warn' }];
    assert.match(screen(status(), view(40, 24, { log })), /\nword( word)+\nword.* end\n/);
  });

  it('shows the log before the run begins', () => {
    const lines = renderDashboard([], view(80, 24));
    assert.deepEqual(lines.slice(0, 2), ['a run', 'loading']);
    assert.equal(lines[22], 'line 49');
    for (const [columns, rows] of SIZES) assert.equal(renderDashboard([], view(columns, rows)).length, rows);
  });

  it('leaves a line of words behind', () => {
    const run = status({ framesFailed: 2, seconds: 300 });
    assert.equal(overviewText('a run', run), 'a run: 50.0 % done, 1000 frames, 2 failed, after 5 min');
    assert.equal(overviewText('a run', undefined), 'a run: ended before the run began');
  });
});
