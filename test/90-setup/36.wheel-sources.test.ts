import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { filesOf, filesOfHtml, filesOfJson } from '../../lib/setup/index-page.js';
import { parseNetrc } from '../../lib/setup/netrc.js';
import { parsePipConfiguration, pipSettings } from '../../lib/setup/pip-settings.js';
import { isFileOf, normalizedName } from '../../lib/setup/wheel-name.js';

const PAGE = 'http://index.test/simple/torch/';
const HASH = 'ab'.repeat(32);

describe('a page of an index', () => {
  it('is JSON: files with addresses relative to the page, hashes and sizes', () => {
    const files = [
      { filename: 'a.whl', url: '../../files/a.whl', hashes: { sha256: HASH.toUpperCase() }, size: 7 },
      { filename: 'b.whl', url: 'http://elsewhere.test/b.whl#x', hashes: { md5: '00' } },
    ];
    assert.deepEqual(filesOfJson(JSON.stringify({ meta: {}, files }), PAGE), [
      { filename: 'a.whl', url: 'http://index.test/files/a.whl', sha256: HASH, bytes: 7 },
      { filename: 'b.whl', url: 'http://elsewhere.test/b.whl' },
    ]);
  });

  it('is HTML: links, of which the fragment has the hash', () => {
    const text = `<!doctype html><A HREF="../../files/torch-2.11.0%2Bcu128-x.whl#sha256=${HASH}">torch</A>
      <a href='b.whl?one=1&amp;two=2'>b</a><!-- <a href="c.whl">c</a> --><a name=none>none</a>`;
    assert.deepEqual(filesOfHtml(text, PAGE), [
      {
        filename: 'torch-2.11.0+cu128-x.whl',
        url: 'http://index.test/files/torch-2.11.0%2Bcu128-x.whl',
        sha256: HASH,
      },
      { filename: 'b.whl', url: 'http://index.test/simple/torch/b.whl?one=1&two=2' },
    ]);
  });

  it('may set the address that its links are relative to', () => {
    const [file] = filesOfHtml('<head><base href="http://files.test/x/"></head><a href="a.whl">a</a>', PAGE);
    assert.equal(file?.url, 'http://files.test/x/a.whl');
  });

  it('is read as what the server says it is', () => {
    const json = JSON.stringify({ files: [{ filename: 'a.whl', url: 'a.whl' }] });
    assert.equal(filesOf({ text: json, url: PAGE, contentType: 'application/vnd.pypi.simple.v1+json' }).length, 1);
    assert.equal(filesOf({ text: '<a href=a.whl>', url: PAGE, contentType: 'text/html; charset=utf-8' }).length, 1);
  });

  it('cannot point to files of this machine, nor name a file outside a folder', () => {
    const html = '<base href="file:///etc/"><a href="file:///etc/passwd">a</a><a href="ftp://h.test/b.whl">b</a>';
    assert.deepEqual(filesOfHtml(html, PAGE), []);
    const names = ['../a.whl', '/a.whl', 'a\\b.whl', ''];
    const files = names.map((filename) => ({ filename, url: 'a.whl' }));
    assert.deepEqual(filesOfJson(JSON.stringify({ files }), PAGE), []);
    assert.deepEqual(filesOfHtml('<a href="..%2Fa.whl">a</a>', PAGE), []);
  });

  it('may point to files of this machine if it is one', () => {
    const [file] = filesOfHtml('<a href="a.whl">a</a>', 'file:///wheels/index.html');
    assert.equal(file?.url, 'file:///wheels/a.whl');
  });

  it('may be nested deeper than the stack', () => {
    assert.equal(filesOfHtml(`${'<div>'.repeat(100_000)}<a href="a.whl">a</a>`, PAGE).length, 1);
  });

  it('whatever it is, gives files with plain names and absolute addresses, or one SyntaxError', () => {
    const piece = fc.constantFrom(
      ...['<a href="', "<a href='", '">', '</a>', '<base href=', '#sha256=', HASH, '&amp;', '%2F', '../', 'file:///'],
      ...['http://h.test/', 'a.whl', '<!--', '-->', '<script>', '{"files":[', '{"filename":"', '","url":"', '"}', ']}'],
    );
    const text = fc.array(fc.oneof(piece, fc.string({ maxLength: 5 })), { maxLength: 40 }).map((all) => all.join(''));
    const json = fc.record({
      files: fc.array(fc.oneof(fc.anything(), fc.object({ key: fc.constantFrom('filename', 'url', 'hashes') }))),
    });
    const check = (page: string, contentType: string): void => {
      let files;
      try {
        files = filesOf({ text: page, url: PAGE, contentType });
      } catch (error) {
        assert.ok(error instanceof SyntaxError && contentType.includes('json'), String(error));
        return;
      }
      for (const { filename, url, sha256 = HASH } of files) {
        assert.doesNotMatch(filename, /[/\\]|^$/);
        assert.match(new URL(url).protocol, /^https?:$/);
        assert.match(sha256, /^[0-9a-f]{64}$/);
      }
    };
    fc.assert(fc.property(text, fc.constantFrom('text/html', 'application/json'), check), { numRuns: 2000 });
    fc.assert(
      fc.property(json, (value) => check(JSON.stringify(value), 'application/json')),
      { numRuns: 500 },
    );
  });
});

describe('the name of a wheel', () => {
  const torch = { name: 'torch', version: '2.11.0', files: {} };
  const cublas = { name: 'nvidia-cublas-cu12', version: '12.8.4.1', files: {} };

  it('says whether it is for this processor, this Python and this glibc', () => {
    const fits = (tags: string, platform: 'x64' | 'arm64' = 'x64'): boolean =>
      isFileOf(`torch-2.11.0-${tags}.whl`, torch, platform);
    assert.ok(fits('cp312-cp312-manylinux_2_28_x86_64'));
    assert.ok(fits('cp312-cp312-manylinux_2_28_aarch64', 'arm64'));
    assert.ok(fits('cp312-cp312-linux_x86_64'));
    assert.ok(fits('1-py2.py3-none-manylinux1_x86_64.manylinux_2_5_x86_64'));
    assert.ok(fits('py3-none-any', 'arm64'));
    assert.ok(!fits('cp312-cp312-manylinux_2_28_x86_64', 'arm64'));
    assert.ok(!fits('cp312-cp312-manylinux_2_34_x86_64'));
    assert.ok(!fits('cp313-cp313-manylinux_2_28_x86_64'));
    assert.ok(!fits('cp313-cp313t-manylinux_2_28_x86_64'));
    assert.ok(!fits('cp312-cp312-macosx_11_0_arm64', 'arm64'));
    assert.ok(!fits('cp312-cp312-win_amd64'));
  });

  it('is of this project and version alone', () => {
    const tags = 'py3-none-manylinux_2_27_x86_64.whl';
    assert.ok(isFileOf(`nvidia_cublas_cu12-12.8.4.1-${tags}`, cublas, 'x64'));
    assert.ok(isFileOf(`nvidia-cublas-cu12-12.8.4.1-${tags}`.replace(/-(?=cublas|cu12)/g, '_'), cublas, 'x64'));
    assert.ok(!isFileOf(`nvidia_cublas_cu12-12.8.4.2-${tags}`, cublas, 'x64'));
    assert.ok(!isFileOf(`nvidia_cublas-12.8.4.1-${tags}`, cublas, 'x64'));
    assert.ok(!isFileOf(`torch-2.11.0+cpu-${tags}`, torch, 'x64'));
    assert.ok(!isFileOf('torch-2.11.0.tar.gz', torch, 'x64'));
  });

  it('is compared as indexes do', () => {
    assert.equal(normalizedName('NVIDIA_cublas.-Cu12'), 'nvidia-cublas-cu12');
  });
});

describe("pip's settings", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'virnucpro-pip-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function configure(path: string, text: string): void {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  /** Without the system's own files. */
  const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
    HOME: folder,
    XDG_CONFIG_DIRS: folder,
    ...more,
  });

  it('are read from the files, of which the more special wins', () => {
    configure('.pip/pip.conf', '[global]\nindex-url = http://old.test/\nproxy = http://proxy.test:3128\n');
    configure('.config/pip/pip.conf', '[global]\nindex_url: http://user.test/\n[download]\ncert=/own.pem\n');
    configure(
      'own.conf',
      '[global]\nfind-links =\n    /one\n    http://two.test/\n; no\nno-index = yes\nextra-index-url =\n',
    );
    const settings = pipSettings({}, environment({ PIP_CONFIG_FILE: join(folder, 'own.conf') }));
    assert.deepEqual(settings, {
      findLinks: ['/one', 'http://two.test/'],
      index: 'http://user.test/',
      extraIndexes: [],
      noIndex: true,
      certificates: '/own.pem',
      proxy: 'http://proxy.test:3128',
    });
    assert.equal(pipSettings({}, environment({ PIP_CONFIG_FILE: '/dev/null' })).index, undefined);
  });

  it('are overruled by variables, and these by what is asked for', () => {
    configure(
      '.config/pip/pip.conf',
      '[global]\nindex-url = http://file.test/\nextra-index-url = http://extra.test/\n',
    );
    const variables = { PIP_INDEX_URL: 'http://variable.test/', PIP_FIND_LINKS: '/a /b', PIP_NO_INDEX: '1' };
    const byVariables = pipSettings({}, environment(variables));
    assert.equal(byVariables.index, 'http://variable.test/');
    assert.deepEqual(byVariables.extraIndexes, ['http://extra.test/']);
    assert.deepEqual([byVariables.findLinks, byVariables.noIndex], [['/a', '/b'], true]);
    const asked = pipSettings({ index: 'http://asked.test/', findLinks: ['/c'] }, environment(variables));
    assert.deepEqual([asked.index, asked.noIndex, asked.findLinks], ['http://asked.test/', false, ['/c', '/a', '/b']]);
  });

  it('whatever their file holds, are values on single keys', () => {
    const line = fc.constantFrom(
      '[global]',
      '[install]',
      '[',
      ']',
      'key = value',
      ' more',
      '\tmore',
      '=',
      '# no',
      ': x',
      '',
    );
    const text = fc.array(fc.oneof(line, fc.string({ maxLength: 10 })), { maxLength: 20 }).map((all) => all.join('\n'));
    fc.assert(
      fc.property(text, (file) => {
        for (const [key, value] of parsePipConfiguration(file)) {
          assert.doesNotMatch(key, /[_\n]|^$/);
          assert.equal(value, value.trim());
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a netrc', () => {
  it('has logins by host, in any layout, and a default', () => {
    const text = `machine one.test login a password p1
      # machine no.test login x password y
      machine two.test\n  login b\n  account z\n  password p2
      macdef init\nmachine three.test login c password p3\n\ndefault login d password p4`;
    assert.deepEqual(
      [...parseNetrc(text)],
      [
        ['one.test', { user: 'a', password: 'p1' }],
        ['two.test', { user: 'b', password: 'p2' }],
        ['', { user: 'd', password: 'p4' }],
      ],
    );
  });
});
