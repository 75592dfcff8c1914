// @ts-check
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../setup/child.mjs';

/**
 * A file system of a few hundred KiB in memory, in a namespace of its own: needs no privileges where the kernel allows
 * users to make namespaces. Other processes reach it through /proc while its keeper runs.
 */
export class SmallDisk {
  path;
  #keeper;
  #mountPoint;
  #ended;

  /** @param {import('node:child_process').ChildProcess} keeper @param {string} mountPoint @param {Promise<void>} ended */
  constructor(keeper, mountPoint, ended) {
    this.#keeper = keeper;
    this.#mountPoint = mountPoint;
    this.#ended = ended;
    this.path = join('/proc', String(keeper.pid), 'root', mountPoint);
  }

  /**
   * @param {string} folder in which its mount point is made
   * @param {number} bytes
   * @param {number} [inodes] limit on files and folders; by default as many as fit
   * @returns {Promise<SmallDisk | string>} or why there is none
   */
  static async mount(folder, bytes, inodes) {
    const mountPoint = mkdtempSync(join(folder, 'disk-'));
    const size = `size=${Math.ceil(bytes / 1024)}k${inodes === undefined ? '' : `,nr_inodes=${inodes}`}`;
    const script = `mount -t tmpfs -o ${size} tmpfs "$0" && echo mounted && exec cat`;
    // `cat` ends with its standard input, so with this process, however that ends.
    const keeper = spawn('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', script, mountPoint]);
    let errors = '';
    keeper.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
    const ended = new Promise((resolve) => keeper.on('close', resolve)).then(() => undefined);
    const isMounted = await new Promise((resolve) => {
      keeper.on('error', (error) => {
        errors += error.message;
        resolve(false);
      });
      keeper.stdout.once('data', () => resolve(true));
      keeper.on('close', () => resolve(false));
    });
    if (isMounted) return new SmallDisk(keeper, mountPoint, ended);
    rmSync(mountPoint, { recursive: true, force: true });
    return errors.trim() || 'unshare gave no reason';
  }

  /** Occupies space until `free`. @param {number} bytes */
  fill(bytes) {
    writeFileSync(join(this.path, 'ballast'), new Uint8Array(Math.max(0, bytes)));
  }

  free() {
    rmSync(join(this.path, 'ballast'), { force: true });
  }

  /** @param {boolean} isReadOnly @returns {Promise<string | undefined>} why it failed */
  async remount(isReadOnly) {
    const target = ['--target', String(this.#keeper.pid), '--user', '--mount', '--preserve-credentials'];
    const args = ['mount', '-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, this.#mountPoint];
    const { succeeded, output } = await run('nsenter', [...target, ...args]);
    return succeeded ? undefined : output.trim();
  }

  async unmount() {
    this.#keeper.stdin?.end();
    await this.#ended;
    rmSync(this.#mountPoint, { recursive: true, force: true });
  }
}
