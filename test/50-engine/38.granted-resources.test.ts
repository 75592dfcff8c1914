import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { NativeDevice } from '../../lib/engine/addon.js';
import { grantedDevice, grantedResources, grantText } from '../../lib/engine/limits/granted-resources.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** The value of cgroup v1 for no limit. */
const UNLIMITED_V1 = '9223372036854771712';

/** A machine with 8 cores and less memory than any machine that runs this test. */
const MACHINE: Readonly<Record<string, string>> = {
  'proc/meminfo': `MemTotal:       ${1000 * 1024} kB\nMemFree:        ${100 * 1024} kB\nMemAvailable:   ${900 * 1024} kB\n`,
  'proc/self/status': 'Name:\tnode\nVmSize:\t   10240 kB\nCpus_allowed:\tffff\nCpus_allowed_list:\t0-15\n',
  'proc/self/limits':
    'Limit                     Soft Limit           Hard Limit           Units     \n' +
    'Max address space         unlimited            unlimited            bytes     \n',
  'sys/devices/system/cpu/online': '0-7\n',
};

const V2_MOUNT = '31 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate';
const v1Mount = (controllers: string, root = '/'): string =>
  `33 25 0:28 ${root} /sys/fs/cgroup/${controllers} rw,nosuid shared:9 - cgroup cgroup rw,${controllers}`;

describe('what this process is granted', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'virnucpro-granted-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function granted(files: Readonly<Record<string, string>>, environment: NodeJS.ProcessEnv = {}) {
    for (const [name, text] of Object.entries({ ...MACHINE, ...files })) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    return grantedResources({ root, environment });
  }

  const v2 = (cgroup: string, files: Readonly<Record<string, string>>) => ({
    'proc/self/cgroup': `0::${cgroup}\n`,
    'proc/self/mountinfo': `${V2_MOUNT}\n`,
    ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`sys/fs/cgroup/${name}`, `${text}\n`])),
  });

  it('is all of the machine where there is no cgroup', () => {
    const resources = granted({});
    assert.deepEqual(resources, {
      cores: { granted: 8, machine: 8, by: undefined },
      memory: { granted: 1000 * MIB, machine: 1000 * MIB, by: undefined, free: 900 * MIB },
    });
    assert.equal(grantText(resources), undefined);
  });

  it('is what its cgroup has (v2), and of that what is not in use, without pages of files that nobody uses', () => {
    const resources = granted(
      v2('/a.slice/job', {
        'a.slice/job/memory.max': String(200 * MIB),
        'a.slice/job/memory.high': 'max',
        'a.slice/job/memory.current': String(150 * MIB),
        'a.slice/job/memory.stat': `anon 1\ninactive_file ${30 * MIB}\nactive_file 5`,
        'a.slice/job/cpu.max': '200000 100000',
      }),
    );
    assert.deepEqual(resources, {
      cores: { granted: 2, machine: 8, by: 'cgroup' },
      memory: { granted: 200 * MIB, machine: 1000 * MIB, by: 'cgroup', free: 80 * MIB },
    });
    assert.equal(
      grantText(resources),
      'granted to this process: 2 of 8 cores (cgroup), 0.2 of 1.0 GiB of memory (cgroup)',
    );
  });

  it('is limited by memory.high too, above which a process is made to crawl', () => {
    const { memory } = granted(v2('/job', { 'job/memory.max': 'max', 'job/memory.high': String(100 * MIB) }));
    assert.deepEqual(memory, { granted: 100 * MIB, machine: 1000 * MIB, by: 'cgroup', free: 100 * MIB });
  });

  it('is what a parent of its cgroup has, as a batch system sets it on the job and not on its task (v2)', () => {
    const job = 'system.slice/slurmstepd.scope/job_7';
    const { cores, memory } = granted(
      v2(`/${job}/step_0/user/task_0`, {
        [`${job}/memory.max`]: String(300 * MIB),
        [`${job}/memory.current`]: String(250 * MIB),
        [`${job}/cpu.max`]: '400000 100000',
        [`${job}/step_0/memory.max`]: 'max',
        [`${job}/step_0/user/task_0/memory.max`]: 'max',
        [`${job}/step_0/user/task_0/cpu.max`]: 'max 100000',
      }),
    );
    assert.deepEqual([memory.granted, memory.free, cores.granted], [300 * MIB, 50 * MIB, 4]);
  });

  it('is what is free at whichever level least is', () => {
    const { memory } = granted(
      v2('/job/step', {
        'job/memory.max': String(500 * MIB),
        'job/memory.current': String(480 * MIB),
        'job/step/memory.max': String(300 * MIB),
        'job/step/memory.current': String(10 * MIB),
      }),
    );
    assert.deepEqual([memory.granted, memory.free], [300 * MIB, 20 * MIB]);
  });

  it('is found in a container that sees its own cgroup as the root (v2)', () => {
    const { cores, memory } = granted(v2('/', { 'memory.max': String(64 * MIB), 'cpu.max': '50000 100000' }));
    assert.deepEqual([memory.granted, cores.granted], [64 * MIB, 1]);
  });

  const v1Job = '/slurm/uid_1/job_7/step_0/task_0';
  const v1 = (mounts: readonly string[], files: Readonly<Record<string, string>>, cgroup = v1Job) => ({
    'proc/self/cgroup': `9:name=systemd:/\n4:memory:${cgroup}\n2:cpu,cpuacct:${cgroup}\n0::/\n`,
    'proc/self/mountinfo': `${mounts.join('\n')}\n`,
    ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`sys/fs/cgroup/${name}`, `${text}\n`])),
  });
  const V1_MOUNTS = [v1Mount('memory'), v1Mount('cpu,cpuacct')];

  it('is what its cgroup or one above it has (v1); huge numbers and -1 are no limits', () => {
    const { cores, memory } = granted(
      v1(V1_MOUNTS, {
        'memory/memory.limit_in_bytes': UNLIMITED_V1,
        'memory/slurm/uid_1/job_7/memory.limit_in_bytes': String(400 * MIB),
        'memory/slurm/uid_1/job_7/memory.usage_in_bytes': String(350 * MIB),
        'memory/slurm/uid_1/job_7/memory.stat': `inactive_file 1\ntotal_inactive_file ${100 * MIB}`,
        [`memory${v1Job}/memory.limit_in_bytes`]: UNLIMITED_V1,
        'cpu,cpuacct/cpu.cfs_quota_us': '-1',
        'cpu,cpuacct/cpu.cfs_period_us': '100000',
        'cpu,cpuacct/slurm/uid_1/cpu.cfs_quota_us': '300000',
        'cpu,cpuacct/slurm/uid_1/cpu.cfs_period_us': '100000',
      }),
    );
    assert.deepEqual(memory, { granted: 400 * MIB, machine: 1000 * MIB, by: 'cgroup', free: 150 * MIB });
    assert.deepEqual(cores, { granted: 3, machine: 8, by: 'cgroup' });
  });

  it('is all of the machine where every number is that of no limit (v1)', () => {
    const resources = granted(
      v1(V1_MOUNTS, {
        [`memory${v1Job}/memory.limit_in_bytes`]: UNLIMITED_V1,
        [`memory${v1Job}/memory.stat`]: `hierarchical_memory_limit ${UNLIMITED_V1}`,
        [`cpu,cpuacct${v1Job}/cpu.cfs_quota_us`]: '-1',
        [`cpu,cpuacct${v1Job}/cpu.cfs_period_us`]: '100000',
      }),
    );
    assert.deepEqual(
      [resources.memory.by, resources.cores.by, grantText(resources)],
      [undefined, undefined, undefined],
    );
  });

  it('is what a cgroup above the container has, where the kernel tells (v1)', () => {
    const { memory } = granted(
      v1([v1Mount('memory', '/docker/c0ffee')], {
        'memory/memory.limit_in_bytes': UNLIMITED_V1,
        'memory/memory.stat': `cache 1\nhierarchical_memory_limit ${256 * MIB}`,
      }),
    );
    assert.equal(memory.granted, 256 * MIB);
  });

  it('is found where the container shows the path of the host, and one below it (v1)', () => {
    const mounts = [v1Mount('memory', '/docker/c0ffee'), v1Mount('cpu,cpuacct', '/docker/c0ffee')];
    const files = {
      'memory/memory.limit_in_bytes': String(500 * MIB),
      'memory/inner/memory.limit_in_bytes': String(200 * MIB),
      'cpu,cpuacct/cpu.cfs_quota_us': '100000',
      'cpu,cpuacct/cpu.cfs_period_us': '100000',
    };
    assert.equal(granted(v1(mounts, files, '/docker/c0ffee')).memory.granted, 500 * MIB);
    const inner = granted(v1(mounts, files, '/docker/c0ffee/inner'));
    assert.deepEqual([inner.memory.granted, inner.cores.granted], [200 * MIB, 1]);
  });

  it('is what is mounted where the path is one of another namespace', () => {
    for (const [path, mounted] of [
      ['/../other', '/'],
      ['/', '/../..'],
      ['/docker/c0ffee', '/kubepods/pod1'],
    ] as const) {
      const files = { 'memory/memory.limit_in_bytes': String(128 * MIB) };
      assert.equal(granted(v1([v1Mount('memory', mounted)], files, path)).memory.granted, 128 * MIB, path);
    }
  });

  it('is never that of a cgroup whose name only begins alike', () => {
    const mounts = [v1Mount('memory', '/docker/c0'), v1Mount('memory', '/docker/c0ffee').replace('/memory', '/own')];
    const files = { 'memory/memory.limit_in_bytes': '1', 'own/memory.limit_in_bytes': String(128 * MIB) };
    assert.equal(granted(v1(mounts, files, '/docker/c0ffee')).memory.granted, 128 * MIB);
  });

  it('is found in both versions at once (hybrid), and under a name with a blank', () => {
    const unified = '41 31 0:38 / /sys/fs/cgroup/uni\\040fied rw - cgroup2 cgroup2 rw';
    const { cores, memory } = granted({
      'proc/self/cgroup': '1:memory:/job\n0::/job\n',
      'proc/self/mountinfo': `${v1Mount('memory')}\n${unified}\n`,
      'sys/fs/cgroup/memory/job/memory.limit_in_bytes': String(300 * MIB),
      'sys/fs/cgroup/uni fied/job/cpu.max': '200000 100000',
    });
    assert.deepEqual([memory.granted, cores.granted], [300 * MIB, 2]);
  });

  for (const [quota, threads] of [
    ['1000', 1],
    ['100000', 1],
    ['100001', 2],
    ['150000', 2],
    ['800000', 8],
    ['6400000', 8],
  ] as const) {
    it(`is ${threads} of 8 cores for a quota of ${quota} in 100000`, () => {
      assert.equal(granted(v2('/job', { 'job/cpu.max': `${quota} 100000` })).cores.granted, threads);
    });
  }

  it('is the CPUs of its affinity that are there', () => {
    const status = 'Cpus_allowed_list:\t2-3,6,12-15\n';
    const resources = granted({ 'proc/self/status': status });
    assert.deepEqual(resources.cores, { granted: 3, machine: 8, by: 'CPU affinity' });
    assert.equal(grantText(resources), 'granted to this process: 3 of 8 cores (CPU affinity)');
  });

  it('is at most what OMP_NUM_THREADS and OMP_THREAD_LIMIT say, where they say a number', () => {
    const cores = (environment: NodeJS.ProcessEnv) => granted({}, environment).cores;
    assert.deepEqual(cores({ OMP_NUM_THREADS: '4' }), { granted: 4, machine: 8, by: 'OMP_NUM_THREADS' });
    assert.deepEqual(cores({ OMP_NUM_THREADS: ' 3, 2' }), { granted: 3, machine: 8, by: 'OMP_NUM_THREADS' });
    const both = { OMP_NUM_THREADS: '4', OMP_THREAD_LIMIT: '2' };
    assert.deepEqual(cores(both), { granted: 2, machine: 8, by: 'OMP_THREAD_LIMIT' });
    for (const value of ['', '0', '-2', 'all', '1.5', '64']) {
      assert.deepEqual(cores({ OMP_NUM_THREADS: value }), { granted: 8, machine: 8, by: undefined }, value);
    }
  });

  it('is the address space that a limit leaves', () => {
    const { memory } = granted({
      'proc/self/limits': `Max address space         ${500 * MIB}            unlimited            bytes     \n`,
    });
    assert.deepEqual(memory, { granted: 500 * MIB, machine: 1000 * MIB, by: 'ulimit -v', free: 490 * MIB });
  });

  it('is never less than nothing free', () => {
    const { memory } = granted(
      v2('/job', { 'job/memory.max': String(100 * MIB), 'job/memory.current': String(101 * MIB) }),
    );
    assert.equal(memory.free, 0);
  });

  it('is the rest of the machine where files cannot be read', () => {
    const files = v2('/job', { 'job/memory.max': String(100 * MIB), 'job/cpu.max': '100000 100000' });
    granted(files);
    // A folder: not even root can read it as a file.
    for (const name of ['memory.max', 'cpu.max']) {
      rmSync(join(root, 'sys/fs/cgroup/job', name));
      mkdirSync(join(root, 'sys/fs/cgroup/job', name));
    }
    const { cores, memory } = grantedResources({ root, environment: {} });
    assert.deepEqual([cores.granted, memory.granted], [8, 1000 * MIB]);
  });

  it('is known where nothing is mounted, and where the files hold nothing that is known', () => {
    const empty = join(root, 'empty');
    const { cores, memory } = grantedResources({ root: empty, environment: {} });
    assert.ok(cores.granted >= 1 && cores.granted <= cores.machine);
    assert.ok(memory.granted > 0 && memory.free > 0 && memory.granted <= memory.machine);
    const odd = granted(v2('/job', { 'job/memory.max': 'lots', 'job/cpu.max': 'max', 'job/memory.current': '' }));
    assert.deepEqual([odd.cores.granted, odd.memory.granted, odd.memory.free], [8, 1000 * MIB, 900 * MIB]);
  });

  it('is what a description of the CPU has, and no GPU', () => {
    const device: NativeDevice = {
      ...{ id: 'cpu', name: '', capability: '', memoryTotal: 2 ** 60, memoryFree: 2 ** 59, bf16: false, driver: '' },
      ...{ pciAddress: '', mig: false, computeMode: 'default' as const, processes: 0 },
    };
    const { memory } = grantedResources();
    const own = grantedDevice(device);
    assert.equal(own.memoryTotal, memory.granted);
    assert.ok(own.memoryFree! > 0 && own.memoryFree! <= own.memoryTotal);
    assert.deepEqual(grantedDevice({ ...device, memoryTotal: GIB, memoryFree: null }).memoryTotal, GIB);
    assert.deepEqual(grantedDevice({ ...device, id: 'cuda:0' }), { ...device, id: 'cuda:0' });
  });
});
