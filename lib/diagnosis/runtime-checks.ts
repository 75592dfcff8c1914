import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findLibtorch, describeSearch, supportedLibtorch } from '../engine/libtorch.js';
import { packageRoot } from '../package.js';
import { failed, passed, type Check } from './check.js';
import { mendingCommand } from '../engine/setup-command.js';

export function checkNode(version = process.versions.node): Check {
  const { engines } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    engines: { node: string };
  };
  const needed = engines.node.replace(/^>=/, '');
  const found = `${version} on ${process.platform} ${process.arch}, needed is ${needed} or later`;
  const isLater = version.localeCompare(needed, 'en', { numeric: true }) >= 0;
  return isLater
    ? passed('Node', found)
    : failed('Node', found, `Install Node ${needed} or later, then ${mendingCommand()}`);
}

/** Every place that is looked at for libtorch, in order, and what came of it. */
export function checkLibtorch(): Check {
  const search = findLibtorch();
  const places = describeSearch(search);
  if (process.env['LIBTORCH']) places.push('python3 on PATH and the cache: not looked at, because $LIBTORCH is set');
  else places.unshift('$LIBTORCH: not set');
  if (search.chosen?.source === 'python') places.push('cache: not looked at, because the one of python3 is taken');
  if (!search.chosen) {
    return failed('libtorch', `no libtorch ${supportedLibtorch}.x`, mendingCommand('LIBTORCH'), places);
  }
  const { version, root, cuda } = search.chosen;
  return passed('libtorch', `${version} (${cuda ? 'with' : 'without'} CUDA) in ${root}`, places);
}
