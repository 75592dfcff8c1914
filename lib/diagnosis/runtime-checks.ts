import { libcProblem } from '#c-library';
import { nodeProblem, SUPPORTED } from '#node-version';
import { describeSearch, findLibtorch, mendingCommand, supportedLibtorch } from '../engine/libtorch/find-libtorch.js';
import { failed, passed, warned, type Check } from './check.js';

export function checkNode(version = process.versions.node): Check {
  const found = `${version} on ${process.platform} ${process.arch}, needed is ${SUPPORTED}`;
  return nodeProblem(version) === undefined
    ? passed('Node', found)
    : failed('Node', found, `Install a newer Node, then ${mendingCommand()}`);
}

/** Every place that is looked at for libtorch, in order, and what came of it. */
export function checkLibtorch(): Check {
  const problem = libcProblem();
  if (problem !== undefined) return failed('libtorch', problem, 'Use a system or container with glibc');
  const search = findLibtorch();
  const places = describeSearch(search);
  if (process.env['LIBTORCH']) places.push('python3 on PATH and the cache: not looked at, because $LIBTORCH is set');
  else places.unshift('$LIBTORCH: not set');
  if (search.chosen?.source === 'python') places.push('cache: not looked at, because the one of python3 is taken');
  const broken = search.considered.find((candidate) => candidate.broken);
  if (!search.chosen) {
    const next = broken?.next ?? mendingCommand('LIBTORCH');
    return failed('libtorch', `no libtorch ${supportedLibtorch}.x`, next, places);
  }
  const { version, root, cuda } = search.chosen;
  const found = `${version} (${cuda ? 'with' : 'without'} CUDA) in ${root}`;
  if (!broken) return passed('libtorch', found, places);
  return warned('libtorch', found, `Mend ${broken.place}, or export LIBTORCH=${root}`, places);
}
