import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from '../../lib/diagnosis/child-process.js';

describe('the child process of the doctor', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'virnucpro-child-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  function program(text: string): string {
    const path = join(folder, 'program.mjs');
    writeFileSync(path, text);
    return path;
  }

  it('gives back all that the child sent', async () => {
    const path = program('for (const word of process.argv.slice(2)) process.send({ word }); process.disconnect();');
    const outcome = await runChild(path, ['one', 'two'], 60);
    assert.deepEqual(outcome, { messages: [{ word: 'one' }, { word: 'two' }], stderr: [] });
  });

  for (const signal of ['SIGILL', 'SIGSEGV', 'SIGABRT']) {
    it(`survives a child that ends by ${signal}, and says what it was`, async () => {
      const path = program(`
        process.send('before', () => {
          process.stderr.write('the last words\\n', () => process.kill(process.pid, '${signal}'));
        });
        setTimeout(() => undefined, 60_000);
      `);
      const { messages, problem, stderr } = await runChild(path, [], 60);
      assert.deepEqual(messages, ['before']);
      assert.match(problem!, new RegExp(`^was ended by ${signal} \\(`));
      assert.deepEqual(stderr, ['the last words']);
    });
  }

  it('keeps the last lines of what a child says before it fails', async () => {
    const path = program(
      "for (let i = 0; i < 100; i++) console.error('line ' + i); process.exitCode = 3;process.disconnect();",
    );
    const { problem, stderr } = await runChild(path, [], 60);
    assert.equal(problem, 'ended with exit code 3');
    assert.deepEqual(stderr, ['line 95', 'line 96', 'line 97', 'line 98', 'line 99']);
  });

  it('ends a child that hangs', async () => {
    const { problem } = await runChild(program('for (;;);'), [], 0.5);
    assert.equal(problem, 'did not answer within 0.5 s');
  });

  it('reports a program that does not exist', async () => {
    const { problem, stderr } = await runChild(join(folder, 'nowhere.mjs'), [], 60);
    assert.equal(problem, 'ended with exit code 1');
    assert.match(stderr.join('\n'), /MODULE_NOT_FOUND/);
  });
});
