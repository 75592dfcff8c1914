import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { reasonOf } from '../../errors.js';

/** Values of the ELF header's machine field (e_machine), by Node's name for the processor. */
const MACHINES: Readonly<Partial<Record<NodeJS.Architecture, number>>> = { x64: 62, arm64: 183, ppc64: 21, s390x: 22 };
const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, /* 64 bits */ 2, /* little-endian */ 1]);
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const LOADED_SEGMENT = 1;

/**
 * Why a file is not a complete library for this processor, in words that follow its name; undefined if it is. To be
 * called before the linker, which maps a truncated file without complaint; the process dies once the missing part is
 * accessed.
 */
export function libraryProblem(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is missing' : `cannot be read (${reasonOf(error)})`;
  }
  try {
    return problemOf(file);
  } catch (error) {
    return `cannot be read (${reasonOf(error)})`;
  } finally {
    closeSync(file);
  }
}

function problemOf(file: number): string | undefined {
  const { size } = fstatSync(file);
  const header = readAt(file, 0, HEADER_BYTES);
  if (size === 0) return 'is empty';
  if (!header.subarray(0, MAGIC.length).equals(MAGIC)) return 'is not a 64-bit Linux library';
  const machine = MACHINES[process.arch];
  if (machine !== undefined && header.readUInt16LE(18) !== machine) return `is not built for ${process.arch}`;
  const wanted = Math.max(sectionsEnd(header), segmentsEnd(file, header));
  return size < wanted ? `is cut short: ${size} of ${wanted} bytes` : undefined;
}

function sectionsEnd(header: Buffer): number {
  return Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60);
}

function segmentsEnd(file: number, header: Buffer): number {
  const count = header.readUInt16LE(56);
  const table = readAt(file, Number(header.readBigUInt64LE(32)), count * SEGMENT_BYTES);
  const ends = Array.from({ length: count }, (_, i) => {
    const segment = table.subarray(i * SEGMENT_BYTES, (i + 1) * SEGMENT_BYTES);
    if (segment.readUInt32LE(0) !== LOADED_SEGMENT) return 0;
    return Number(segment.readBigUInt64LE(8) + segment.readBigUInt64LE(32));
  });
  return Math.max(0, ...ends);
}

/** Byte range of a section in the file of a 64-bit library; undefined if it has none of that name. */
export function sectionOf(path: string, name: string): { offset: number; size: number } | undefined {
  const file = openSync(path, 'r');
  try {
    const header = readAt(file, 0, HEADER_BYTES);
    const size = header.readUInt16LE(58);
    const table = readAt(file, Number(header.readBigUInt64LE(40)), header.readUInt16LE(60) * size);
    const sections = Array.from({ length: header.readUInt16LE(60) }, (_, i) =>
      table.subarray(i * size, (i + 1) * size),
    );
    const names = sections[header.readUInt16LE(62)];
    if (!names) return undefined;
    const texts = readAt(file, Number(names.readBigUInt64LE(24)), Number(names.readBigUInt64LE(32))).toString('latin1');
    const found = sections.find((section) => texts.startsWith(`${name}\0`, section.readUInt32LE(0)));
    return found && { offset: Number(found.readBigUInt64LE(24)), size: Number(found.readBigUInt64LE(32)) };
  } finally {
    closeSync(file);
  }
}

/** Zeros past the end of the file. As header fields they require nothing; the file's size reveals what is missing. */
function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(file, bytes, 0, length, position);
  return bytes;
}
