/** What tests use of scripts/chaos/cgroup.mjs, which is not compiled. */
export interface Cgroup {
  readonly entering: string;
  remove(): void;
}

export interface CgroupScript {
  Cgroup: { make(limits: { memory?: number; cpus?: number; threads?: number }): Cgroup | string };
}
