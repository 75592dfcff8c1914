// @ts-check
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename } from 'node:path';

/**
 * @typedef {object} LocalRegistry
 * @property {string} settings lines of an .npmrc that make npm and pnpm ask it for packages of the scope
 * @property {() => Promise<void>} close
 */

/**
 * Serves packages of the scope @virnucpro as a registry does, so that they can be installed before they are published.
 * Everything else comes from the registry that npm is set to.
 * @param {readonly { manifest: Record<string, unknown>, tarball: string }[]} packages
 * @returns {Promise<LocalRegistry>}
 */
export async function serveLocally(packages) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname).slice(1);
    for (const { manifest, tarball } of packages) {
      if (path === manifest['name']) return void response.end(JSON.stringify(packument(manifest, tarball, address())));
      if (path === basename(tarball)) return void response.end(readFileSync(tarball));
    }
    response.writeHead(404).end();
  });
  const address = () => {
    const at = server.address();
    return `http://127.0.0.1:${typeof at === 'object' ? at?.port : ''}`;
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    settings: `@virnucpro:registry=${address()}/\n`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** @param {Record<string, unknown>} manifest @param {string} tarball @param {string} address */
function packument(manifest, tarball, address) {
  const version = String(manifest['version']);
  const integrity = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
  const dist = { integrity, tarball: `${address}/${basename(tarball)}` };
  return { name: manifest['name'], 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } };
}
