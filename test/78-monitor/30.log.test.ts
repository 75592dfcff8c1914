import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, logEvent, LogSinks } from '../../lib/monitor/log.js';
import { EVENT_SCHEMA_VERSION } from '../../lib/monitor/event-schema.js';
import { skip } from '../skipped.js';
import { mismatches } from './event-mismatches.js';
import { EVENTS } from './events.js';

describe('the log', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'virnucpro-log-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const module = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);

  /** Runs a program in a process of its own, since standard error is a file descriptor. @returns its standard error */
  function errorsOf(program: string): string {
    const imports =
      `import { createLog, logEvent } from ${module('../../lib/monitor/log.js')};\n` +
      `import { LogSinks } from ${module('../../lib/monitor/log.js')};\n` +
      `import { EVENTS } from ${module('./events.js')};\n`;
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', imports + program], {
      cwd: folder,
      encoding: 'utf8',
    });
    return stderr;
  }

  const DATE = String.raw`\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d\]`;

  /** A log whose lines go to a pane. */
  function withPane(level: 'info' | 'debug' = 'info') {
    const sinks = new LogSinks();
    const lines: string[] = [];
    sinks.pane = (line, lineLevel) => lines.push(`${lineLevel}|${line}`);
    return { sinks, lines, log: createLog({ level, sinks }) };
  }

  it('writes one JSON object a line with the version, the event and its fields', () => {
    const errors = errorsOf(
      `const log = createLog({ format: 'json', level: 'debug' });
       for (const event of Object.values(EVENTS)) logEvent(log, event);`,
    );
    const lines = errors
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      lines.map(({ event }) => event),
      Object.keys(EVENTS),
    );
    for (const { level, time, schema, msg, ...event } of lines) {
      assert.ok(['debug', 'info', 'warn', 'error'].includes(String(level)));
      assert.equal(new Date(String(time)).toISOString(), time);
      assert.equal(schema, EVENT_SCHEMA_VERSION);
      assert.match(String(msg), /./);
      assert.deepEqual(mismatches(event), []);
    }
  });

  it('writes no field twice, not even the level of what a worker says', () => {
    const errors = errorsOf(`logEvent(createLog({ format: 'json' }), EVENTS['worker-message']);`);
    assert.equal(errors.match(/"level"/g)?.length, 1);
    assert.match(errors, /"level":"warn"/);
  });

  it('writes readable lines without colours where nobody sees them', () => {
    const errors = errorsOf(`logEvent(createLog(), EVENTS.paused);`);
    assert.match(errors, /^\[\d\d:\d\d:\d\d\] INFO: paused: .*\n$/);
  });

  it('goes to a pane instead of standard error, line by line with its level', () => {
    const { log, lines } = withPane();
    log.warn('one\ntwo');
    log.debug('unseen');
    assert.equal(lines.length, 2);
    assert.match(lines[0]!, /^warn\|\[\d\d:\d\d:\d\d\] WARN: one$/);
    assert.match(lines[1]!, /^warn\| *two$/);
  });

  it('goes back to standard error when the pane is gone', () => {
    const errors = errorsOf(
      `const sinks = new LogSinks();
       const log = createLog({ sinks });
       sinks.pane = () => undefined;
       log.info('unseen');
       sinks.pane = undefined;
       log.info('seen');`,
    );
    assert.match(errors, /^\[.*\] INFO: seen\n$/);
  });

  it('goes to a file as well, in words and with dates, from the first line on', () => {
    const path = join(folder, 'run.log');
    const errors = errorsOf(
      `const sinks = new LogSinks();
       const log = createLog({ format: 'json', sinks });
       log.info({ event: 'x' }, 'early');
       log.debug('unseen');
       sinks.openFile('run.log');
       log.error('late');
       sinks.closeFile();
       log.info('after');`,
    );
    assert.equal(errors.trimEnd().split('\n').length, 3);
    assert.match(readFileSync(path, 'utf8'), new RegExp(`^${DATE} INFO: early\n${DATE} ERROR: late\n$`));
  });

  it('has all of it in the file when the process dies', () => {
    errorsOf(
      `const sinks = new LogSinks();
       const log = createLog({ sinks });
       sinks.openFile('run.log');
       for (let line = 0; line < 1000; line++) log.info('line ' + line);
       process.kill(process.pid, 'SIGKILL');`,
    );
    const lines = readFileSync(join(folder, 'run.log'), 'utf8').trimEnd().split('\n');
    assert.equal(lines.length, 1000);
    assert.match(lines[999]!, / line 999$/);
  });

  it('gives a file up that can no longer be written, says so once, and goes on', function () {
    // Every write to it fails as on a full disk.
    if (!existsSync('/dev/full')) skip(this, 'there is no /dev/full here');
    const { sinks, log, lines } = withPane();
    sinks.openFile('/dev/full');
    log.info('one');
    log.info('two');
    assert.equal(lines.length, 3);
    assert.match(lines[1]!, /^warn\|.*\/dev\/full is no longer written: ENOSPC/);
    assert.match(lines[2]!, /INFO: two$/);
  });

  it('passes nothing on that a terminal would obey', () => {
    const { log, lines } = withPane();
    log.info('contig \x1b[2J\x9b31m\r evil');
    assert.match(lines[0]!, /INFO: contig \?\[2J\?31m\? evil$/);
  });

  it('keeps the level that was asked for, for events too', () => {
    const { log, lines } = withPane();
    const loading = { ...EVENTS['loading-progress'], bytesTotal: 1000 };
    logEvent(log, loading);
    assert.deepEqual(lines, []);
    const verbose = withPane('debug');
    logEvent(verbose.log, loading);
    assert.equal(verbose.lines.length, 1);
  });
});
