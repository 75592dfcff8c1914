import assert from 'node:assert/strict';
import blessed from 'blessed';
import fc from 'fast-check';
import { cut, harmless, padded, printable, width, wrapped } from '../../lib/monitor/printable.js';

const { unicode } = blessed as unknown as { unicode: { charWidth(character: string): number } };

describe('text for a terminal', () => {
  it('has no character that a terminal would obey', () => {
    assert.equal(printable('a\x1b[2Jb\x07\x9bc\u202Ed\u0000'), 'a?[2Jb??c?d?');
    assert.equal(printable('tab\tand\nline'), 'tab and line');
    assert.equal(harmless('a\x1b[2J\tb\nc\x9b'), 'a?[2J\tb\nc?');
  });

  it('keeps names in other scripts, and replaces what terminals do not agree on', () => {
    assert.equal(printable('Ärger 病毒 вирус'), 'Ärger 病毒 вирус');
    assert.equal(printable('e\u0301 n\u0308\u0323'), 'é \u1e47');
    assert.equal(printable('virus 🦠 ✅'), 'virus ? ?');
  });

  it('is ASCII where it has to be', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => /^[ -~]*$/.test(printable(text, true))));
    assert.equal(printable('病毒.fa', true), '??.fa');
  });

  it('is as wide as the library that draws it says, character by character', () => {
    for (let code = 0x20; code < 0x11000; code++) {
      const character = printable(String.fromCodePoint(code));
      for (const part of character) assert.equal(width(part), unicode.charWidth(part), `U+${code.toString(16)}`);
    }
  });

  it('is cut to any width, with a mark', () => {
    assert.equal(cut('abcdef', 6), 'abcdef');
    assert.equal(cut('abcdef', 4), 'abc…');
    assert.equal(cut('abcdef', 4, true), 'abc~');
    assert.equal(cut('病毒病毒', 6), '病毒…');
    assert.equal(cut('abc', 0), '');
    assert.equal(padded('病毒', 6), '病毒  ');
  });

  it('fits whatever the text and the width', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(20), (text, columns) => {
        const safe = printable(text);
        assert.ok(width(cut(safe, columns)) <= columns);
        assert.equal(width(padded(safe, columns)), columns);
        const lines = wrapped(safe, columns + 1);
        for (const line of lines) assert.ok(width(line) <= columns + 1, line);
        // Only a character wider than the screen may change.
        if (columns > 0) assert.equal(lines.join('').replaceAll(' ', ''), safe.replaceAll(' ', ''));
      }),
    );
  });

  it('is broken at spaces where there are any', () => {
    assert.deepEqual(wrapped('the quick brown fox', 10), ['the quick', 'brown fox']);
    assert.deepEqual(wrapped('the quick', 9), ['the quick']);
    assert.deepEqual(wrapped('abcdefghij', 4), ['abcd', 'efgh', 'ij']);
    assert.deepEqual(wrapped('', 4), ['']);
  });
});
