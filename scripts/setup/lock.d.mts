/** Of lock.mjs and process-identity.mjs, for lib/setup: scripts need the lock before lib/ is compiled. */
export interface ProcessIdentity {
  machine: string;
  pid: number;
  started: string;
}
export function withLock<T>(folder: string, onWait: (holder: string) => void, action: () => Promise<T>): Promise<T>;
export function livingHolder(folder: string, name: string): ProcessIdentity | undefined;
export function nameOfThisProcess(): string;
