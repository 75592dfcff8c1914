import { createHash } from 'node:crypto';
import { crc32, deflateRawSync } from 'node:zlib';
import { libtorchWheels } from '../../lib/setup/wheel-table.js';
import type { PinnedFile, Wheel } from '../../lib/setup/wheel-table.js';

export interface MadeUpEntry {
  readonly name: string;
  readonly content: Buffer | string;
  /** What the zip claims instead of the truth. */
  readonly checksum?: number;
  readonly size?: number;
  /** The entry's Unix mode with its file type; 0 for none. */
  readonly mode?: number;
  /** Compressed unless true. */
  readonly stored?: boolean;
  /** Gives its sizes in the zip64 field, as a large entry must. */
  readonly zip64?: boolean;
}

/** A zip file of these entries, true or not. */
export function makeZip(entries: readonly MadeUpEntry[]): Buffer {
  const local: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  for (const entry of entries) {
    const content = Buffer.from(entry.content);
    const packed = entry.stored === true ? content : deflateRawSync(content);
    const name = Buffer.from(entry.name);
    const sizes = { packed: packed.length, plain: entry.size ?? content.length };
    const extra = entry.zip64 === true ? zip64Field(sizes) : Buffer.alloc(0);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(entry.zip64 === true ? 45 : 20, 0);
    common.writeUInt16LE(0x800, 2);
    common.writeUInt16LE(entry.stored === true ? 0 : 8, 4);
    common.writeUInt32LE(entry.checksum ?? crc32(content), 10);
    common.writeUInt32LE(entry.zip64 === true ? 0xffffffff : sizes.packed, 14);
    common.writeUInt32LE(entry.zip64 === true ? 0xffffffff : sizes.plain, 18);
    common.writeUInt16LE(name.length, 22);
    common.writeUInt16LE(extra.length, 24);
    const own = Buffer.concat([Buffer.from('PK\x03\x04'), common, name, extra, packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((entry.mode ?? 0o100644) * 0x10000, 6);
    rest.writeUInt32LE(position, 10);
    directory.push(Buffer.from('PK\x01\x02'), Buffer.from([45, 3]), common, rest, name, extra);
    local.push(own);
    position += own.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(position, 16);
  return Buffer.concat([...local, central, end]);
}

function zip64Field({ packed, plain }: { packed: number; plain: number }): Buffer {
  const field = Buffer.alloc(20);
  field.writeUInt16LE(1, 0);
  field.writeUInt16LE(16, 2);
  field.writeBigUInt64LE(BigInt(plain), 4);
  field.writeBigUInt64LE(BigInt(packed), 12);
  return field;
}

/** A wheel of the table with a made-up file: what the real one has of each kind of file, in a few bytes. */
export interface MadeUpWheel {
  readonly name: string;
  readonly version: string;
  readonly filename: string;
  readonly bytes: Buffer;
  readonly sha256: string;
}

export function madeUpWheel(wheel: Pick<Wheel, 'name' | 'version'>, entries = entriesOf(wheel)): MadeUpWheel {
  const { name, version } = wheel;
  const bytes = makeZip(entries);
  const filename = `${name.replaceAll('-', '_')}-${version}-py3-none-any.whl`;
  return { name, version, filename, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** For every wheel that setup may fetch. */
export function allMadeUpWheels(): MadeUpWheel[] {
  return Object.values(libtorchWheels).flatMap(({ torch, companions, cudaCompanions }) =>
    [torch, ...companions, ...cudaCompanions].map((wheel) => madeUpWheel(wheel)),
  );
}

/** What the table says of a made-up file. */
export function pinnedTo({ bytes, sha256 }: MadeUpWheel): Record<'x64' | 'arm64', PinnedFile> {
  const file = { bytes: bytes.length, sha256 };
  return { x64: file, arm64: file };
}

/** Passes for a complete library but contains only the header. */
export function emptyLibrary(): Buffer {
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  header.writeUInt16LE(process.arch === 'arm64' ? 183 : 62, 18);
  return header;
}

function entriesOf({ name, version }: Pick<Wheel, 'name' | 'version'>): MadeUpEntry[] {
  const library = emptyLibrary();
  if (name === 'torch') {
    const stated = version.includes('+') ? version : `${version}+cu130`;
    return [
      { name: 'torch/__init__.py', content: '' },
      { name: 'torch/version.py', content: `__version__ = '${stated}'\n` },
      ...['libc10.so', 'libtorch_cpu.so', 'libtorch_cuda.so'].map((file) => ({
        name: `torch/lib/${file}`,
        content: library,
      })),
      { name: 'torch/lib/libtorch_python.so', content: 'python' },
      { name: 'torch/include/', content: '', stored: true },
      { name: 'torch/include/ATen/ATen.h', content: '' },
      { name: 'torch/nn/modules.py', content: '' },
      { name: `torch-${version}.dist-info/METADATA`, content: '' },
    ];
  }
  return [
    { name: `nvidia/cu13/lib/lib${name}.so.13`, content: name },
    { name: 'nvidia/cu13/include/header.h', content: '' },
    { name: 'nvidia/cu13/lib/static.a', content: '' },
  ];
}
