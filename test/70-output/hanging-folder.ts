import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, statSync } from 'node:fs';

/** Another view of a folder, through a file system that hangs on demand: bindfs, stopped and resumed. */
export class HangingFolder {
  readonly path: string;
  readonly #daemon: ChildProcess;

  private constructor(path: string, daemon: ChildProcess) {
    this.path = path;
    this.#daemon = daemon;
  }

  /** @returns a string if it cannot be made: the reason */
  static async make(folder: string, path: string): Promise<HangingFolder | string> {
    if (spawnSync('bindfs', ['--version'], { stdio: 'ignore' }).status !== 0) return 'bindfs is not installed';
    mkdirSync(path);
    const device = statSync(path).dev;
    // In the foreground, and single-threaded.
    const daemon = spawn('bindfs', ['-f', '-s', folder, path], { stdio: 'ignore' });
    const ended = once(daemon, 'close').then(() => 'bindfs cannot mount here');
    return Promise.race([ended, mounted(path, { daemon, device }).then(() => new HangingFolder(path, daemon))]);
  }

  hang(): void {
    this.#daemon.kill('SIGSTOP');
  }

  wake(): void {
    this.#daemon.kill('SIGCONT');
  }

  async end(): Promise<void> {
    const closed = once(this.#daemon, 'close');
    this.wake();
    spawnSync('fusermount', ['-u', '-z', this.path], { stdio: 'ignore' });
    this.#daemon.kill('SIGKILL');
    await closed;
  }
}

async function mounted(path: string, { daemon, device }: { daemon: ChildProcess; device: number }): Promise<void> {
  while (statSync(path).dev === device && daemon.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
