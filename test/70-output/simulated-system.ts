import { createHash } from 'node:crypto';
import { basename, dirname } from 'node:path';
import type { FoundProcess, ProcessIdentity, SharedFiles, System } from '../../lib/output/system.js';

type Node = { text: string; modified: number } | Map<string, Node>;

/** The error of a system call. */
function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/** Files in memory; calls that are atomic in the system are atomic here too. */
export class SimulatedFiles {
  readonly #root = new Map<string, Node>();

  find(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (!(node instanceof Map)) return undefined;
      node = node.get(name);
    }
    return node;
  }

  text(path: string): string | undefined {
    const node = this.find(path);
    return node instanceof Map ? undefined : node?.text;
  }

  names(path: string): string[] {
    return [...this.#folder(path).keys()];
  }

  makeFolder(path: string): boolean {
    const parent = this.#folder(dirname(path));
    if (parent.has(basename(path))) return false;
    parent.set(basename(path), new Map());
    return true;
  }

  write(path: string, text: string, modified: number, { isNew = false } = {}): void {
    const parent = this.#folder(dirname(path));
    if (isNew && parent.has(basename(path))) throw failure('EEXIST', path);
    parent.set(basename(path), { text, modified });
  }

  rename(from: string, to: string): void {
    const node = this.find(from);
    if (node === undefined) throw failure('ENOENT', from);
    const parent = this.#folder(dirname(to));
    const replaced = parent.get(basename(to));
    if (replaced instanceof Map && !(node instanceof Map)) throw failure('EISDIR', to);
    if (node instanceof Map && replaced !== undefined && !(replaced instanceof Map)) throw failure('ENOTDIR', to);
    if (replaced instanceof Map && replaced.size > 0) throw failure('ENOTEMPTY', to);
    this.remove(from);
    parent.set(basename(to), node);
  }

  remove(path: string): void {
    const parent = this.find(dirname(path));
    if (parent instanceof Map) parent.delete(basename(path));
  }

  removeEmptyFolder(path: string): void {
    if (this.#folder(path).size > 0) throw failure('ENOTEMPTY', path);
    this.remove(path);
  }

  #folder(path: string): Map<string, Node> {
    const node = this.find(path);
    if (node instanceof Map) return node;
    throw failure(node === undefined ? 'ENOENT' : 'ENOTDIR', path);
  }
}

export function digestOf(text: string): { bytes: number; sha256: string } {
  return { bytes: text.length, sha256: createHash('sha256').update(text).digest('hex') };
}

interface Waiting {
  readonly process: SimulatedProcess;
  /** The time from which it may continue: at once for a call to the file system, later for a sleep. */
  readonly due: number;
  readonly proceed: () => void;
}

/**
 * Processes with one file system and one clock, which continue only when told to, one call to the file system at a
 * time.
 */
export class SimulatedWorld {
  readonly files = new SimulatedFiles();
  readonly processes: SimulatedProcess[] = [];
  time = 0;
  /** Called after every call to the file system. */
  onChange: (change: { process: SimulatedProcess; call: string; from: string; to: string }) => void = () => undefined;
  waiting: Waiting[] = [];

  /** Whatever could continue now. */
  get ready(): readonly Waiting[] {
    return this.waiting.filter(({ process, due }) => due <= this.time && !process.isStopped);
  }

  /** Lets one continue, with everything that follows until the next call. */
  async proceed(waiting: Waiting): Promise<void> {
    this.waiting = this.waiting.filter((other) => other !== waiting);
    waiting.proceed();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Advances to the next time at which something could continue. @returns whether there is one */
  passTime(): boolean {
    const next = Math.min(...this.waiting.filter(({ process }) => !process.isStopped).map(({ due }) => due));
    if (!Number.isFinite(next)) return false;
    this.time = Math.max(this.time, next);
    return true;
  }

  kill(process: SimulatedProcess): void {
    process.isOver = true;
    this.waiting = this.waiting.filter((other) => other.process !== process);
  }
}

/** A process, in one of several namespaces of process numbers. */
export class SimulatedProcess implements System {
  readonly files: SharedFiles;
  isStopped = false;
  isOver = false;
  readonly #world: SimulatedWorld;
  readonly #identity: ProcessIdentity;
  #tokens = 0;

  constructor(world: SimulatedWorld, pidNamespace: string) {
    this.#world = world;
    const started = String(world.processes.length);
    // In a container every run has the same number.
    this.#identity = { host: 'node', user: 'somebody', boot: 'boot', pidNamespace, pid: 1, started };
    if (pidNamespace === 'host') this.#identity = { ...this.#identity, pid: world.processes.length + 2 };
    world.processes.push(this);
    this.files = this.#files();
  }

  identity(): ProcessIdentity {
    return this.#identity;
  }

  newToken(): string {
    return `${this.#identity.started}t${this.#tokens++}`;
  }

  now(): number {
    return this.#world.time;
  }

  find(pid: number): Promise<FoundProcess> {
    const found = this.#world.processes.findLast((other) => {
      const { pidNamespace, pid: number } = other.identity();
      return !other.isOver && number === pid && pidNamespace === this.#identity.pidNamespace;
    });
    return Promise.resolve(found ? { started: found.identity().started } : 'gone');
  }

  sleep(milliseconds: number): Promise<void> {
    return this.#wait(this.#world.time + milliseconds, () => undefined);
  }

  #wait<T>(due: number, result: () => T): Promise<T> {
    if (this.isOver) return new Promise(() => undefined);
    return new Promise<void>((resolve) => {
      this.#world.waiting.push({ process: this, due, proceed: resolve });
    }).then(result);
  }

  #files(): SharedFiles {
    const world = this.#world;
    const { files } = world;
    const call = <T>(name: string, from: string, work: () => T, to = ''): Promise<T> =>
      this.#wait(world.time, () => {
        const result = work();
        world.onChange({ process: this, call: name, from, to });
        return result;
      });
    const text = (path: string): string => {
      const found = files.text(path);
      if (found === undefined) throw failure('ENOENT', path);
      return found;
    };
    return {
      isFolder: (path) => call('isFolder', path, () => files.find(path) instanceof Map),
      makeFolder: (path) => call('makeFolder', path, () => files.makeFolder(path)),
      removeEmptyFolder: (path) => call('removeEmptyFolder', path, () => files.removeEmptyFolder(path)),
      names: (path) => call('names', path, () => files.names(path)),
      read: (path) => call('read', path, () => ({ text: text(path), modified: 0 })),
      digest: (path) => call('digest', path, () => digestOf(text(path))),
      write: (path, content) => call('write', path, () => files.write(path, content, world.time, { isNew: true })),
      overwrite: (path, content) =>
        call('overwrite', path, () => {
          text(path);
          files.write(path, content, world.time);
        }),
      rename: (from, to) => call('rename', from, () => files.rename(from, to), to),
      copy: (from, to) => call('copy', from, () => files.write(to, text(from), world.time), to),
      remove: (path) => call('remove', path, () => files.remove(path)),
      forceToDisk: () => Promise.resolve(),
    };
  }
}
