import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from 'undici';
import { networkReason, shownAddress } from './http-client.js';
import type { HttpClient } from './http-client.js';
import { setupFailure } from './setup-failure.js';

/** So often a download is begun again without having got any further. */
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 1000;

export interface Download {
  /** What it is, for messages. */
  readonly title: string;
  readonly filename: string;
  readonly url: string;
  /** Hexadecimal. */
  readonly sha256: string;
  /** Undefined if unknown. */
  readonly bytes: number | undefined;
}

export interface DownloadOptions {
  readonly onProgress?: (bytes: number) => void;
  /** Milliseconds before the second attempt; doubles with each one that fails. Default 1000. */
  readonly firstPause?: number;
}

/**
 * Downloads a file into a folder, under a name that begins with its hash. What an interrupted download left there is
 * not transferred again.
 * @returns the path, of a file with the expected hash
 * @throws VNP_LIBTORCH if the file cannot be downloaded or has another hash; a wrong file is removed, a part is kept
 */
export async function downloadFile(
  client: HttpClient,
  download: Download,
  folder: string,
  options: DownloadOptions = {},
): Promise<string> {
  const path = join(folder, `${download.sha256.slice(0, 16)}-${download.filename}`);
  await mkdir(folder, { recursive: true });
  const file = await PartialFile.open(path);
  try {
    if (await completed(client, download, file, options)) return path;
    if (file.isContinued) {
      // What was kept may have been damaged, or be of another file.
      await file.restart();
      if (await completed(client, download, file, options)) return path;
    }
    await rm(path);
    throw wrongHash(download, file.digest());
  } finally {
    await file.close();
  }
}

/** Whether the file is there with the expected hash, after as many attempts as it takes to have all of its bytes. */
async function completed(
  client: HttpClient,
  download: Download,
  file: PartialFile,
  { onProgress = () => undefined, firstPause = FIRST_PAUSE_MS }: DownloadOptions,
): Promise<boolean> {
  const transfer: Transfer = { client, download, file, onProgress, validator: undefined };
  for (let failures = 0; file.digest() !== download.sha256;) {
    const before = file.bytes;
    try {
      await receive(transfer);
      return file.digest() === download.sha256;
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      failures = file.bytes > before ? 1 : failures + 1;
      if (failures >= ATTEMPTS) throw failedDownload(download, error.message, error);
      await sleep(firstPause * 2 ** (failures - 1));
    }
  }
  return true;
}

interface Transfer {
  readonly client: HttpClient;
  readonly download: Download;
  readonly file: PartialFile;
  readonly onProgress: (bytes: number) => void;
  /** The server's name for this version of the file, if it gave one. */
  validator: string | undefined;
}

/** A failure that another attempt may not meet. */
class Interrupted extends Error {}

/** Transfers the rest of the file. @throws Interrupted */
async function receive(transfer: Transfer): Promise<void> {
  const { client, download, file, validator } = transfer;
  const headers = {
    'accept-encoding': 'identity',
    ...(file.bytes > 0 && { range: `bytes=${file.bytes}-`, ...(validator !== undefined && { 'if-range': validator }) }),
  };
  const response = await client.get(download.url, headers).catch((cause: unknown) => {
    throw new Interrupted(networkReason(cause), { cause });
  });
  try {
    await prepare(transfer, response);
    await append(transfer, response);
  } finally {
    await response.body?.cancel().catch(() => undefined);
  }
  if (download.bytes !== undefined && file.bytes < download.bytes)
    throw new Interrupted(`the connection ended after ${file.bytes} of ${download.bytes} bytes`);
}

/** Makes the file end where the answer begins. @throws Interrupted if the answer has no part of the file */
async function prepare(transfer: Transfer, response: Response): Promise<void> {
  const { download, file } = transfer;
  const { status } = response;
  const etag = response.headers.get('etag') ?? '';
  if (etag.startsWith('"')) transfer.validator = etag;
  if (status === 206 && continues(response, download, file)) {
    file.isContinued = true;
    return;
  }
  if (status === 206 || status === 416) {
    await file.restart();
    throw new Interrupted('the server has another file than before');
  }
  if (status === 408 || status === 429 || status >= 500) throw new Interrupted(`the server answers ${status}`);
  if (status !== 200) throw failedDownload(download, `the server answers ${status}`);
  await file.restart();
}

/** Whether a partial answer goes on where the file ends, and is of a file of the same length. */
function continues(response: Response, { bytes }: Download, file: PartialFile): boolean {
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '') ?? [];
  return Number(start) === file.bytes && (bytes === undefined || total === '*' || Number(total) === bytes);
}

async function append({ download, file, onProgress }: Transfer, response: Response): Promise<void> {
  const chunks = response.body?.[Symbol.asyncIterator]() as AsyncIterator<Uint8Array> | undefined;
  for (;;) {
    const next = await chunks?.next().catch((cause: unknown) => {
      throw new Interrupted(networkReason(cause), { cause });
    });
    if (next === undefined || next.done === true) return;
    await file.append(next.value);
    if (download.bytes !== undefined && file.bytes > download.bytes) {
      await file.restart();
      throw failedDownload(download, `it has more than the expected ${download.bytes} bytes`);
    }
    onProgress(file.bytes);
  }
}

/** A file that grows at its end, with the hash of what it holds. */
class PartialFile {
  /** Whether its bytes came from several transfers. */
  isContinued: boolean;
  #hash: Hash;
  #bytes: number;

  private constructor(
    private readonly handle: FileHandle,
    hash: Hash,
    bytes: number,
  ) {
    this.#hash = hash;
    this.#bytes = bytes;
    this.isContinued = bytes > 0;
  }

  static async open(path: string): Promise<PartialFile> {
    const handle = await open(path, 'a+');
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    return new PartialFile(handle, hash, bytes);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The hash so far, hexadecimal. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    await this.handle.writeFile(chunk);
  }

  async restart(): Promise<void> {
    await this.handle.truncate(0);
    this.#hash = createHash('sha256');
    this.#bytes = 0;
    this.isContinued = false;
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/** The SHA-256 of a file, hexadecimal. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}

function failedDownload({ title, url }: Download, reason: string, cause?: unknown): Error {
  return setupFailure(
    `Could not download ${title} from ${shownAddress(url)}: ${reason}. Check the network and the proxy, then run setup ` +
      'again: it goes on where it stopped. Or `export LIBTORCH=/an/unpacked/libtorch`',
    cause,
  );
}

function wrongHash({ title, url, sha256 }: Download, found: string): Error {
  return setupFailure(
    `Refused ${title} from ${shownAddress(url)}: its SHA-256 is ${found}, not ${sha256}. It was changed or damaged on ` +
      'the way: use another package index (PIP_INDEX_URL), or a folder with the wheels (--find-links)',
  );
}
