import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { innermost } from './directory-process.js';

/** Words that put a command into namespaces of its own, as a container does: it is process 1 there. */
const CONTAINER = ['unshare', '--fork', '--pid', '--mount-proc', '--kill-child'];
const AS_USER = ['unshare', '--user', '--map-root-user', ...CONTAINER.slice(1)];

function works(words: readonly string[]): boolean {
  return spawnSync(words[0]!, [...words.slice(1), 'true'], { stdio: 'ignore' }).status === 0;
}

/** How a container is made here; undefined where the system does not let this user. */
export function containerCommand(): readonly string[] | undefined {
  return [CONTAINER, AS_USER].find(works);
}

/** A container with a host name of its own. */
export function namedContainer(words: readonly string[], hostname: string): string[] {
  const inside = ['sh', '-c', 'hostname "$1"; shift; exec "$@"', 'sh', hostname];
  return [...words, '--uts', ...inside];
}

/** A container in which several commands run, and /proc shows to each user only its own processes. */
export class HidingContainer {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @returns undefined where it cannot be made */
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

  /** Words that run a command in it as another user. */
  as(uid: number): string[] {
    const inside = ['nsenter', '--target', String(innermost(this.#child.pid!)), '--mount', '--pid'];
    return [...inside, 'setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }
}
