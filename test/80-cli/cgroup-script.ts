/** The parts of scripts/chaos/cgroup.mjs that tests use; it is not compiled. */
export interface Cgroup {
  readonly entering: string;
  remove(): void;
}

export interface CgroupScript {
  Cgroup: { make(limits: { memory?: number; cpus?: number; threads?: number }): Cgroup | string };
}
