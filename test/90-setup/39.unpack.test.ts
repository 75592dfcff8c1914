import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { VirnucproError } from '../../lib/errors.js';
import { unpackWheel } from '../../lib/setup/unpack-wheel.js';
import { makeZip } from './made-up-wheels.js';
import type { MadeUpEntry } from './made-up-wheels.js';

describe('unpacking a wheel', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'virnucpro-unpack-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Unpacks into `out` and returns the content of the files there by name. */
  async function unpack(zip: Buffer, kept = /^(?:)/): Promise<Record<string, string>> {
    const path = join(folder, 'made-up.whl');
    const out = join(folder, 'out');
    rmSync(out, { recursive: true, force: true });
    writeFileSync(path, zip);
    await unpackWheel(path, out, kept);
    const names = existsSync(out) ? readdirSync(out, { recursive: true, encoding: 'utf8' }).sort() : [];
    const files = names.filter((name) => statSync(join(out, name)).isFile());
    return Object.fromEntries(files.map((name) => [name, readFileSync(join(out, name), 'utf8')]));
  }
  const refuses = (entries: readonly MadeUpEntry[], pattern: RegExp): Promise<void> =>
    assert.rejects(unpack(makeZip(entries)), (error) => {
      assert.ok(error instanceof VirnucproError && error.code === 'VNP_LIBTORCH', String(error));
      assert.match(error.message, /^Could not unpack made-up\.whl: .*\. Run setup again/);
      assert.match(error.message, pattern);
      return true;
    });

  it('writes the files whose names match, compressed, stored and zip64', async () => {
    const zip = makeZip([
      { name: 'a/', content: '', stored: true },
      { name: 'a/b.so', content: 'compressed'.repeat(1000) },
      { name: 'a/c.so', content: 'stored', stored: true },
      { name: 'a/d.so', content: 'large', zip64: true },
      { name: 'a/e.so', content: 'no mode', mode: 0 },
      { name: 'a/f.txt', content: 'left out' },
    ]);
    assert.deepEqual(await unpack(zip, /\.so$/), {
      'a/b.so': 'compressed'.repeat(1000),
      'a/c.so': 'stored',
      'a/d.so': 'large',
      'a/e.so': 'no mode',
    });
  });

  for (const name of ['../outside.so', 'a/../../outside.so', '/outside.so', 'C:/outside.so', 'a\\..\\..\\outside.so']) {
    it(`refuses a path that leaves the folder: ${name}`, async () => {
      await refuses([{ name, content: 'x' }], /invalid relative path|absolute path|invalid characters/);
      assert.equal(existsSync(join(folder, 'outside.so')), false);
    });
  }

  it('refuses a link, a changed byte, a wrong size and two entries of one name', async () => {
    await refuses([{ name: 'a', content: '/etc', mode: 0o120777 }], /the entry a is a link or a device/);
    await refuses([{ name: 'a', content: 'x', checksum: 1 }], /the entry a has another checksum than stated/);
    await refuses([{ name: 'a', content: 'x', size: 5 }], /not enough bytes/);
    await refuses([{ name: 'a', content: 'xxx', size: 2 }], /too many bytes/);
    const twice = { name: 'a', content: 'x' };
    await refuses([twice, twice], /EEXIST/);
  });

  it('refuses what is no zip file, or is cut off', async () => {
    await assert.rejects(unpack(Buffer.from('no zip')), /^VirnucproError: Could not unpack/);
    const zip = makeZip([{ name: 'a', content: 'x'.repeat(1000), stored: true }]);
    await assert.rejects(unpack(zip.subarray(0, 500)), /^VirnucproError: Could not unpack/);
  });

  it('whatever is changed in a zip file, writes whole files within the folder or refuses it', async function () {
    this.timeout(120_000);
    const entries = [
      { name: 'one/a.so', content: 'first'.repeat(50) },
      { name: 'two/b.so', content: 'second', stored: true },
      { name: 'three/c.so', content: 'third', zip64: true },
    ];
    const whole = makeZip(entries);
    const contents = entries.map(({ content }) => content);
    const change = fc.record({ at: fc.nat(whole.length - 1), value: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), fc.boolean(), async (changes, cut) => {
        const zip = Buffer.from(whole);
        for (const { at, value } of changes) zip[at] = value;
        let files;
        try {
          files = await unpack(cut ? zip.subarray(0, changes[0]!.at) : zip);
        } catch (error) {
          assert.ok(error instanceof VirnucproError, String(error));
          return;
        }
        for (const content of Object.values(files)) assert.ok(contents.includes(content) || content === '', content);
        assert.deepEqual(
          readdirSync(folder).filter((name) => name !== 'out'),
          ['made-up.whl'],
        );
      }),
      { numRuns: 200 },
    );
  });
});
