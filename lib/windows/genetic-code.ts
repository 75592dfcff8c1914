/** The standard genetic code with the bases in this order: first base slowest, third base fastest. */
const BASES = 'TCAG';
const AMINO_ACIDS = 'FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG';
const STOP = '*'.charCodeAt(0);

/** The code of every letter that is not A, C, G, T. */
export const NO_BASE = 4;

/** Upper case of ASCII letters; every other byte is itself. */
export const UPPER_CASE = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 97 && byte <= 122 ? byte - 32 : byte));

/** Upper case, and A, C, G, T complemented; every other letter is only put in upper case. */
export const COMPLEMENT = UPPER_CASE.map((letter) => {
  const position = 'ACGT'.indexOf(String.fromCharCode(letter));
  return position < 0 ? letter : 'TGCA'.charCodeAt(position);
});

/** Code of a letter in either case: 0..3, or NO_BASE. */
export const BASE_CODES = UPPER_CASE.map((letter) => {
  const code = BASES.indexOf(String.fromCharCode(letter));
  return code < 0 ? NO_BASE : code;
});

/** Code of a letter's complement in either case: 0..3, or NO_BASE. */
export const COMPLEMENT_CODES = COMPLEMENT.map((letter) => BASE_CODES[letter]!);

/** Three codes of 3 bits each, the first base highest, are the position of a codon in the tables. */
export const CODONS = 512;

/** The amino acid of a codon; 0 for a codon that is not of the 64. */
export const AMINO_ACID_OF_CODON = new Uint8Array(CODONS);

export const FORWARD_STOP = 1;
export const REVERSE_STOP = 2;

/** Whether a codon is a stop where it stands (FORWARD_STOP), and on the opposite strand (REVERSE_STOP). */
export const STOP_OF_CODON = new Uint8Array(CODONS);

function codon(first: number, second: number, third: number): number {
  return (first << 6) | (second << 3) | third;
}

for (let index = 0; index < 64; index++) {
  const bases = [index >> 4, (index >> 2) & 3, index & 3] as const;
  const aminoAcid = AMINO_ACIDS.charCodeAt(index);
  AMINO_ACID_OF_CODON[codon(...bases)] = aminoAcid;
  if (aminoAcid !== STOP) continue;
  const [first, second, third] = bases.map((code) => COMPLEMENT_CODES[BASES.charCodeAt(code)]!);
  STOP_OF_CODON[codon(...bases)]! |= FORWARD_STOP;
  STOP_OF_CODON[codon(third!, second!, first!)]! |= REVERSE_STOP;
}
