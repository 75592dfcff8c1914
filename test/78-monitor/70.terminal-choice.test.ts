import assert from 'node:assert/strict';
import { wantsAscii, wantsColours, wantsDashboard } from '../../lib/monitor/terminal.js';
import type { TerminalFacts } from '../../lib/monitor/terminal.js';

const TERMINAL: TerminalFacts = {
  stdout: { isTTY: true, columns: 80, rows: 24 },
  stderr: { isTTY: true },
  env: { TERM: 'xterm-256color' },
};

describe('the choice of a dashboard', () => {
  it('wants one on a terminal', () => assert.ok(wantsDashboard(TERMINAL)));

  const without: Record<string, Partial<TerminalFacts>> = {
    'standard output is a file': { stdout: {} },
    'standard error is a file': { stderr: {} },
    'the terminal can do nothing': { env: { TERM: 'dumb' } },
    'nobody says what terminal it is': { env: {} },
    'the size is not known': { stdout: { isTTY: true, columns: 0, rows: 0 } },
  };
  for (const [reason, given] of Object.entries(without)) {
    it(`wants none where ${reason}`, () => assert.ok(!wantsDashboard({ ...TERMINAL, ...given })));
  }

  it('wants none in the background of a shell', () => assert.ok(!wantsDashboard(TERMINAL, false)));

  it('takes UTF-8 from the first of LC_ALL, LC_CTYPE and LANG that is set', () => {
    const ascii = (env: Record<string, string>): boolean => wantsAscii({ TERM: 'xterm', ...env });
    assert.ok(!ascii({ LANG: 'de_DE.UTF-8' }));
    assert.ok(!ascii({ LANG: 'C', LC_CTYPE: 'C.utf8' }));
    assert.ok(ascii({ LANG: 'C.UTF-8', LC_ALL: 'C' }));
    assert.ok(ascii({ LANG: 'C.UTF-8', LC_CTYPE: 'POSIX' }));
    assert.ok(!ascii({ LANG: 'C.UTF-8', LC_ALL: '', LC_CTYPE: '' }));
    assert.ok(ascii({}));
  });

  it('is ASCII on terminals that have few other characters', () => {
    for (const TERM of ['linux', 'vt100', 'vt220', 'ansi']) assert.ok(wantsAscii({ TERM, LANG: 'C.UTF-8' }), TERM);
    for (const TERM of ['xterm', 'tmux-256color', 'vte']) assert.ok(!wantsAscii({ TERM, LANG: 'C.UTF-8' }), TERM);
  });

  it('has no colours where NO_COLOR is set and not empty', () => {
    assert.ok(wantsColours({}));
    assert.ok(wantsColours({ NO_COLOR: '' }));
    assert.ok(!wantsColours({ NO_COLOR: '1' }));
  });

  it('has no colours on a terminal that can do nothing', () => {
    assert.ok(!wantsColours({ TERM: 'dumb' }));
    assert.ok(!wantsColours({ TERM: 'dumb', NO_COLOR: '' }));
  });
});
