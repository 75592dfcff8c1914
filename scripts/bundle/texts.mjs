// @ts-check

/**
 * A shell script that runs a script with the bundle's own Node, called from any folder or through symbolic links.
 * @param {string} script within the bundle
 */
export function launcher(script) {
  return `#!/bin/sh
# Runs with the Node that lies beside this file. Only what every shell has built in is used, but for links.
file=$0
case $file in */*) ;; *) file=./$file ;; esac
while [ -L "$file" ]; do
  target=$(readlink "$file")
  case $target in /*) file=$target ;; *) file=\${file%/*}/$target ;; esac
done
root=$(CDPATH= cd -- "\${file%/*}" && pwd -P) || exit 1
exec "$root/runtime/node" "$root/${script}" "$@"
`;
}

/**
 * @param {{ name: string, project: { version: string }, libtorch: string,
 *   source: import('./manifest.mjs').Source, portability: import('./portability.mjs').Portability,
 *   packages: import('./dependencies.mjs').BundledPackage[] }} bundle
 */
export function bundleReadme({ name, project, libtorch, source, portability, packages }) {
  const list = packages.map(({ name: title, version, license }) => `${title} ${version} (${license})`).join(', ');
  return `# virnucpro ${project.version}, ready to run

Built from ${source.revision ?? 'a source without a revision'}. Needs no network, no npm and no compiler, but a PyTorch ${libtorch}, whose
libraries it uses; nothing in Python runs.

\`\`\`sh
tar xf ${name}.tar.xz
export LIBTORCH=/path/to/site-packages/torch   # not needed where the python3 on PATH has it
${name}/virnucpro doctor
${name}/gpu-check                 # on a machine with a GPU, in less than 8 minutes
\`\`\`

\`virnucpro\` may be called through a symbolic link. [docs/clusters.md](docs/clusters.md) says how to add models
and how to use Slurm. Start reading with [docs/manual.md](docs/manual.md).

Runs on ${portability.text}.

MANIFEST.json has the versions and the SHA-256 of every file.

## Licences

virnucpro is under the MIT licence (LICENSE). Node ${process.versions.node} and what it is compiled of: licenses/node.txt. The packages in
node_modules, each with its licence, or with that in licenses/: ${list}.
`;
}
