import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { MadeUpWheel } from './made-up-wheels.js';

/** How a server treats a request for a file; by default it serves it, from where it is asked to. */
export interface Behaviour {
  /** Answers with this status and nothing else. */
  readonly status?: number;
  /** Ends the connection after so many bytes of the answer. */
  readonly breakAfter?: number;
  /** Sends so many bytes, and then nothing. */
  readonly stallAfter?: number;
  readonly ignoreRange?: boolean;
  /** Sends this instead. */
  readonly content?: Buffer;
}

export interface SeenRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  readonly accept: string | undefined;
}

/** A package index on this machine: pages of the simple API as JSON or HTML, files with ranges. */
export class PackageIndex {
  format: 'json' | 'html' = 'json';
  /** For requests of files, one after the other; those after the last are served as they should be. */
  behaviours: Behaviour[] = [];
  /** Changes what a page says of a file; undefined: the page does not state the hash. */
  statedHash: (wheel: MadeUpWheel) => string | undefined = ({ sha256 }) => sha256;
  readonly seen: SeenRequest[] = [];
  #wheels: readonly MadeUpWheel[];
  #server: Server | undefined;

  constructor(wheels: readonly MadeUpWheel[] = []) {
    this.#wheels = wheels;
  }

  get url(): string {
    const { port } = this.#server?.address() as AddressInfo;
    return `${'key' in (this.#server ?? {}) ? 'https' : 'http'}://127.0.0.1:${port}/simple`;
  }

  /** The names of the wheels that were downloaded, at least in part. */
  get downloads(): string[] {
    return this.files.map(({ path }) => this.#wheelOf(path)?.name ?? path);
  }

  get files(): SeenRequest[] {
    return this.seen.filter(({ path }) => path.startsWith('/files/'));
  }

  serve(wheels: readonly MadeUpWheel[]): void {
    this.#wheels = wheels;
  }

  async start(tls?: { key: Buffer; cert: Buffer }): Promise<void> {
    const answer: RequestListener = (request, response) => this.#answer(request, response);
    const server = tls ? createTlsServer(tls, answer) : createServer(answer);
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }

  breakConnections(): void {
    this.#server?.closeAllConnections();
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  #wheelOf(path: string): MadeUpWheel | undefined {
    return this.#wheels.find(({ filename }) => path === `/files/${encodeURIComponent(filename)}`);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    // A proxy is sent the whole address.
    const path = new URL(request.url ?? '', 'http://host').pathname;
    const { range, authorization, accept } = request.headers;
    this.seen.push({ path, range, authorization, accept });
    const wheel = this.#wheelOf(path);
    const [, project] = /^\/simple\/([^/]+)\/$/.exec(path) ?? [];
    if (wheel) this.#sendFile(wheel, request, response);
    else if (this.#wheels.some(({ name }) => name === project)) this.#sendPage(project ?? '', response);
    else response.writeHead(404).end();
  }

  #sendPage(project: string, response: ServerResponse): void {
    const wheels = this.#wheels.filter(({ name }) => name === project);
    const address = (wheel: MadeUpWheel): string => `../../files/${encodeURIComponent(wheel.filename)}`;
    if (this.format === 'json') {
      const files = wheels.map((wheel) => {
        const sha256 = this.statedHash(wheel);
        return { filename: wheel.filename, url: address(wheel), hashes: sha256 === undefined ? {} : { sha256 } };
      });
      response.setHeader('content-type', 'application/vnd.pypi.simple.v1+json');
      response.end(JSON.stringify({ meta: { 'api-version': '1.1' }, name: project, files }));
      return;
    }
    const links = wheels.map((wheel) => {
      const sha256 = this.statedHash(wheel);
      return `<a href="${address(wheel)}${sha256 === undefined ? '' : `#sha256=${sha256}`}">${wheel.filename}</a><br>`;
    });
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(`<!DOCTYPE html><html><body><h1>Links for ${project}</h1>${links.join('\n')}</body></html>`);
  }

  #sendFile(wheel: MadeUpWheel, request: IncomingMessage, response: ServerResponse): void {
    const behaviour = this.behaviours.shift() ?? {};
    if (behaviour.status !== undefined) {
      response.writeHead(behaviour.status).end();
      return;
    }
    const whole = behaviour.content ?? wheel.bytes;
    const asked = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? NaN);
    const isPart = !Number.isNaN(asked) && behaviour.ignoreRange !== true;
    const start = isPart ? asked : 0;
    if (start >= whole.length) {
      response.writeHead(416, { 'content-range': `bytes */${whole.length}` }).end();
      return;
    }
    const part = whole.subarray(start);
    response.writeHead(isPart ? 206 : 200, {
      'content-length': part.length,
      etag: `"${wheel.sha256}"`,
      ...(isPart && { 'content-range': `bytes ${start}-${whole.length - 1}/${whole.length}` }),
    });
    const { breakAfter, stallAfter } = behaviour;
    if (breakAfter !== undefined) response.write(part.subarray(0, breakAfter), () => response.destroy());
    else if (stallAfter !== undefined) response.write(part.subarray(0, stallAfter));
    else response.end(part);
  }
}
