import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { downloadFile } from '../../lib/setup/download.js';
import { HttpClient, shownAddress } from '../../lib/setup/http-client.js';
import { VirnucproError } from '../../lib/errors.js';
import { skip } from '../skipped.js';
import { madeUpWheel } from './made-up-wheels.js';
import { PackageIndex } from './package-index.js';

/** Large enough for several chunks, and not compressible. */
const CONTENT = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 2654435761) >>> 13));
const wheel = madeUpWheel({ name: 'torch', version: '1' }, [{ name: 'torch/data', content: CONTENT, stored: true }]);
const LENGTH = wheel.bytes.length;

describe('a download', () => {
  let folder: string;
  let index: PackageIndex;
  let client: HttpClient;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-download-'));
    index = new PackageIndex([wheel]);
    await index.start();
    client = new HttpClient({ certificates: undefined, proxy: undefined }, {});
  });
  afterEach(async () => {
    await client.close();
    await index.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function fileUrl(server = index): string {
    return new URL(`/files/${wheel.filename}`, server.url).href;
  }
  function download({ bytes = LENGTH, url = fileUrl(), by = client } = {}): Promise<string> {
    const { filename, sha256 } = wheel;
    return downloadFile(by, { title: 'torch 1', filename, url, sha256, bytes }, folder, { firstPause: 1 });
  }
  async function refused(pattern: RegExp, running = download()): Promise<void> {
    await assert.rejects(running, (error) => {
      assert.ok(error instanceof VirnucproError, String(error));
      assert.equal(error.code, 'VNP_LIBTORCH');
      assert.match(error.message, pattern);
      return true;
    });
  }
  /** Where in the file each transfer began. */
  function starts(): number[] {
    return index.files.map(({ range }) => Number(/\d+/.exec(range ?? 'bytes=0')?.[0]));
  }
  function left(): string[] {
    return readdirSync(folder);
  }

  it('ends with the whole file', async () => {
    assert.ok(readFileSync(await download()).equals(wheel.bytes));
    assert.ok(readFileSync(await download({ bytes: undefined })).equals(wheel.bytes));
    assert.equal(index.files.length, 1, 'what is there is not downloaded again');
  });

  it('goes on where the connection broke', async () => {
    index.behaviours = [{ breakAfter: 100_000 }, { breakAfter: 50_000 }];
    assert.ok(readFileSync(await download()).equals(wheel.bytes));
    const [first, second, third] = starts();
    assert.equal(first, 0);
    assert.ok(second! > 0 && third! > second!, starts().join());
  });

  it('goes on where an earlier process stopped', async () => {
    const path = await download();
    writeFileSync(path, wheel.bytes.subarray(0, 123_456));
    assert.ok(readFileSync(await download()).equals(wheel.bytes));
    assert.deepEqual(starts(), [0, 123_456]);
  });

  it('begins again where the server does not continue', async () => {
    index.behaviours = [{ breakAfter: 100_000 }, { ignoreRange: true }];
    assert.ok(readFileSync(await download()).equals(wheel.bytes));
    assert.equal(index.files.length, 2);
  });

  it('begins again where what was kept is damaged, too long, or of a file of another length', async () => {
    const path = await download();
    for (const kept of [Buffer.alloc(1000, 1), Buffer.alloc(LENGTH + 5, 1)]) {
      writeFileSync(path, kept);
      assert.ok(readFileSync(await download()).equals(wheel.bytes));
    }
    writeFileSync(path, wheel.bytes.subarray(0, 1000));
    index.behaviours = [{ content: Buffer.alloc(2000, 1) }];
    assert.ok(readFileSync(await download()).equals(wheel.bytes));
  });

  it('is tried again after answers that pass, and not after others', async () => {
    index.behaviours = [{ status: 503 }, { status: 429 }, { status: 500 }];
    await download();
    assert.equal(index.files.length, 4);
    rmSync(folder, { recursive: true });
    index.behaviours = [{ status: 403 }];
    await refused(
      /^Could not download torch 1 from http:\/\/127\.0\.0\.1:\d+\/files\/.*: the server answers 403\. Check /,
    );
    assert.equal(index.files.length, 5);
  });

  it('is given up after five attempts that got no further, and keeps what it has', async () => {
    index.behaviours = [{ breakAfter: 100_000 }, ...Array.from({ length: 5 }, () => ({ status: 502 }))];
    await refused(/: the server answers 502\. Check the network .* goes on where it stopped\./);
    assert.equal(index.files.length, 5);
    index.behaviours = [];
    await download();
    assert.ok(starts().at(-1)! > 0);
  });

  it('is given up where nothing answers', async () => {
    const url = fileUrl();
    await index.stop();
    await refused(/ECONNREFUSED/, download({ url }));
  });

  it('refuses a file with another hash, and removes it', async () => {
    index.behaviours = [{ content: Buffer.alloc(LENGTH, 7) }];
    await refused(new RegExp(`^Refused torch 1 from http.*: its SHA-256 is [0-9a-f]{64}, not ${wheel.sha256}\\. `));
    assert.deepEqual(left(), []);
  });

  it('refuses a file that is longer than it should be before it is all there', async () => {
    index.behaviours = [{ content: Buffer.alloc(LENGTH * 20, 7) }];
    await refused(new RegExp(`it has more than the expected ${LENGTH} bytes`));
  });

  it('has the right content however often and wherever it breaks', async function () {
    this.timeout(60_000);
    const behaviour = fc.oneof(
      fc.record({ breakAfter: fc.integer({ min: 1, max: LENGTH }) }),
      fc.record({ breakAfter: fc.integer({ min: 1, max: LENGTH }), ignoreRange: fc.constant(true) }),
      fc.record({ status: fc.constantFrom(500, 429) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(behaviour, { maxLength: 4 }), async (behaviours) => {
        index.behaviours = [...behaviours];
        const path = await download();
        assert.ok(readFileSync(path).equals(wheel.bytes));
        rmSync(path);
      }),
      { numRuns: 30 },
    );
  });

  describe('logins', () => {
    const basic = (login: string): string => `Basic ${Buffer.from(login).toString('base64')}`;

    it('are taken from the address, hold for the files of the same host, and are not shown', async () => {
      const withLogin = index.url.replace('//', '//me:s%40cret@');
      await client.get(`${withLogin}/torch/`);
      index.behaviours = [{ status: 403 }];
      await refused(/answers 403/);
      assert.deepEqual(
        index.seen.map(({ authorization }) => authorization),
        [basic('me:s@cret'), basic('me:s@cret')],
      );
      index.behaviours = [{ status: 403 }];
      const running = download({ url: fileUrl().replace('//', '//me:s%40cret@') });
      await assert.rejects(running, (error: Error) => !error.message.includes('cret'));
    });

    it('may be a password without a name', async () => {
      await client.get(`${index.url.replace('//', '//:token@')}/torch/`);
      await download();
      assert.equal(index.files[0]?.authorization, basic(':token'));
    });

    for (const [address, shown] of [
      ['https://user:secret@host/simple?key=secret#secret', 'https://host/simple'],
      ['HTTPS://:secret@host/simple', 'https://host/simple'],
      ['user:secret@host/simple', 'host/simple'],
      ['user:se/cr@et@host/simple?key=secret', 'host/simple'],
      ['//user:secret@host', 'host'],
      ['http//user:secret@host', 'host'],
      ['https://user:se/cret@host/simple', 'host/simple'],
      ['file:///some%20folder/a@b', '/some folder/a@b'],
      ['/some/folder/a@b?', '/some/folder/a@b?'],
      ['../a@b', '../a@b'],
      ['wheels', 'wheels'],
    ] as const) {
      it(`are not in what is shown of ${address}`, () => assert.equal(shownAddress(address), shown));
    }

    it('are taken from the netrc', async () => {
      writeFileSync(join(folder, 'netrc'), 'machine 127.0.0.1 login you password p%20\n');
      const own = new HttpClient({ certificates: undefined, proxy: undefined }, { NETRC: join(folder, 'netrc') });
      await download({ by: own });
      await own.close();
      assert.equal(index.files[0]?.authorization, basic('you:p%20'));
    });
  });

  describe('through a proxy', () => {
    let proxy: Server;
    /** What the proxy was asked for. */
    let asked: string[];
    beforeEach(async () => {
      asked = [];
      proxy = createServer((incoming, outgoing) => {
        asked.push(incoming.url ?? '');
        const { headers, method } = incoming;
        request(incoming.url ?? '', { headers, method }, (answer) => {
          outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(outgoing);
        }).end();
      });
      proxy.on('connect', ({ url = '' }, socket) => {
        asked.push(url);
        const [host = '', port = ''] = url.split(':');
        const upstream = connect(Number(port), host, () => {
          socket.write('HTTP/1.1 200 OK\r\n\r\n');
          upstream.pipe(socket).pipe(upstream);
        });
        upstream.on('error', () => socket.destroy());
        socket.on('error', () => upstream.destroy());
      });
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    });
    afterEach(() => {
      proxy.closeAllConnections();
      proxy.close();
    });
    const address = (): string => `127.0.0.1:${(proxy.address() as AddressInfo).port}`;

    for (const [name, of] of [
      ['HTTP_PROXY', () => ({ HTTP_PROXY: `http://${address()}` })],
      ['http_proxy', () => ({ http_proxy: address() })],
    ] as const) {
      it(`that ${name} names`, async () => {
        const own = new HttpClient({ certificates: undefined, proxy: undefined }, of());
        await download({ by: own });
        await own.close();
        assert.deepEqual(asked, [fileUrl()]);
      });
    }

    it("that pip's settings name, unless NO_PROXY excepts the host", async () => {
      const settings = { certificates: undefined, proxy: `http://${address()}` };
      for (const [excepted, expected] of [
        ['', [fileUrl()]],
        ['other.test,127.0.0.1', []],
      ] as const) {
        asked = [];
        const own = new HttpClient(settings, { NO_PROXY: excepted });
        rmSync(await download({ by: own }));
        await own.close();
        assert.deepEqual(asked, expected);
      }
    });

    it('and over TLS, with the certificates of a file', async function () {
      if (spawnSync('openssl', ['version']).error) skip(this, 'openssl, which makes the certificate, is missing');
      const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
      const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
      const words = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert];
      execFileSync('openssl', [...words, ...subject], { stdio: 'ignore' });
      const secure = new PackageIndex([wheel]);
      await secure.start({ key: readFileSync(key), cert: readFileSync(cert) });
      const url = fileUrl(secure).replace('http:', 'https:');
      try {
        const trusting = new HttpClient(
          { certificates: cert, proxy: undefined },
          { HTTPS_PROXY: `http://${address()}` },
        );
        await download({ by: trusting, url });
        await trusting.close();
        assert.deepEqual(asked, [new URL(url).host]);
        rmSync(join(folder, `${wheel.sha256.slice(0, 16)}-${wheel.filename}`));
        await refused(/self-signed certificate/, download({ url }));
      } finally {
        await secure.stop();
      }
    });
  });

  it('says which certificates or which proxy cannot be used', () => {
    const client = (settings: { certificates?: string; proxy?: string }): HttpClient =>
      new HttpClient({ certificates: undefined, proxy: undefined, ...settings }, {});
    assert.throws(
      () => client({ certificates: '/nowhere.pem' }),
      /^VirnucproError: The certificates of PIP_CERT .*nowhere/,
    );
    assert.throws(() => client({ proxy: 'http://' }), /^VirnucproError: The proxy of HTTP_PROXY/);
    assert.equal(existsSync('/nowhere.pem'), false);
  });
});
