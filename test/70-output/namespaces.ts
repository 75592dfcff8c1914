import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { innermost } from './directory-process.js';

/** Runs a command in namespaces of its own, as in a container: there it is process 1. */
const CONTAINER = ['unshare', '--fork', '--pid', '--mount-proc', '--kill-child'];
const AS_USER = ['unshare', '--user', '--map-root-user', ...CONTAINER.slice(1)];

function works(words: readonly string[]): boolean {
  return spawnSync(words[0]!, [...words.slice(1), 'true'], { stdio: 'ignore' }).status === 0;
}

/** The command that makes a container here; undefined if this user may not. */
export function containerCommand(): readonly string[] | undefined {
  return [CONTAINER, AS_USER].find(works);
}

/** A container with a host name of its own. */
export function namedContainer(words: readonly string[], hostname: string): string[] {
  const inside = ['sh', '-c', 'hostname "$1"; shift; exec "$@"', 'sh', hostname];
  return [...words, '--uts', ...inside];
}

/** A container for several commands, in which /proc shows each user only their own processes. */
export class HidingContainer {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @returns undefined if it cannot be made */
  static async make(): Promise<HidingContainer | undefined> {
    if (process.getuid?.() !== 0) return undefined;
    const [program = '', ...words] = CONTAINER;
    const inside = 'mount -o remount,hidepid=2 /proc && echo ready && exec sleep infinity';
    const child = spawn(program, [...words, 'sh', '-c', inside], { stdio: ['ignore', 'pipe', 'ignore'] });
    const isReady = await Promise.race([
      once(child.stdout, 'data').then(() => true),
      once(child, 'close').then(() => false),
    ]);
    return isReady ? new HidingContainer(child) : undefined;
  }

  /** The command prefix that runs a command in it as another user. */
  as(uid: number): string[] {
    const inside = ['nsenter', '--target', String(innermost(this.#child.pid!)), '--mount', '--pid'];
    return [...inside, 'setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }
}
