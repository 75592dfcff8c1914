/** What a kernel takes of a GPU, by its machine code. */
export interface KernelResources {
  /** Per thread. */
  readonly registers: number;
  /** Bytes of local memory per thread: what did not fit into its registers. */
  readonly spilled: number;
  /** Bytes per block. */
  readonly shared: number;
}

// ELF64 (System V ABI, "Sections").
const SECTION_TABLE = 0x28;
const SECTION_COUNT = 0x3c;
const NAMES_SECTION = 0x3e;
const SECTION_HEADER_SIZE = 64;
// Attributes of the section .nv.info, 4 bytes each: format, attribute, a 16-bit number. In this format the number
// counts the bytes that follow; these two have 8, the function's symbol and a number.
const SIZED = 0x04;
const FRAME_SIZE = 0x11;
const REGISTERS = 0x2f;

interface Section {
  readonly name: string;
  readonly size: number;
  readonly content: Buffer;
}

/** Reads a cubin of one kernel, which is an ELF file. */
export function resourcesOf(cubin: Buffer, kernel: string): KernelResources {
  const sections = sectionsOf(cubin);
  const attributes = attributesIn(sections.find(({ name }) => name === '.nv.info')?.content ?? Buffer.alloc(0));
  const registers = attributes.get(REGISTERS);
  const spilled = attributes.get(FRAME_SIZE);
  if (registers === undefined || spilled === undefined)
    throw new Error(`the cubin of ${kernel} does not say what it takes`);
  return { registers, spilled, shared: sections.find(({ name }) => name === `.nv.shared.${kernel}`)?.size ?? 0 };
}

function sectionsOf(file: Buffer): Section[] {
  const table = Number(file.readBigUInt64LE(SECTION_TABLE));
  const headers = Array.from({ length: file.readUInt16LE(SECTION_COUNT) }, (_, i) =>
    file.subarray(table + i * SECTION_HEADER_SIZE),
  );
  const sizeOf = (header: Buffer): number => Number(header.readBigUInt64LE(32));
  const contentOf = (header: Buffer): Buffer => {
    const offset = Number(header.readBigUInt64LE(24));
    return file.subarray(offset, offset + sizeOf(header));
  };
  const names = contentOf(headers[file.readUInt16LE(NAMES_SECTION)]!);
  return headers.map((header) => {
    const start = header.readUInt32LE(0);
    const name = names.toString('latin1', start, names.indexOf(0, start));
    return { name, size: sizeOf(header), content: contentOf(header) };
  });
}

/** The largest number of each attribute among the functions. */
function attributesIn(content: Buffer): Map<number, number> {
  const largest = new Map<number, number>();
  for (let place = 0; place + 4 <= content.length;) {
    const [format, attribute] = [content[place]!, content[place + 1]!];
    const size = format === SIZED ? content.readUInt16LE(place + 2) : 0;
    if (size === 8) largest.set(attribute, Math.max(largest.get(attribute) ?? 0, content.readUInt32LE(place + 8)));
    place += 4 + size;
  }
  return largest;
}
