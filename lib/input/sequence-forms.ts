import {
  BLANK,
  BYTE_KINDS,
  BYTE_ORDER_MARK,
  COMMENT_MARK,
  DIGIT,
  GAP,
  MARK,
  ORDER_MARK,
  PROTEIN_LETTER,
  STAR,
} from './nucleotide-bytes.js';

/** Where a byte is: line and column from 1, the column in bytes. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A byte that no nucleotide sequence has. */
export interface StrangeByte extends Place {
  readonly byte: number;
}

/** What to do with a byte that is not a letter of a nucleotide sequence. */
export const DROP = 0;
/** It stays among the letters, and makes a nucleotide record invalid. */
export const KEEP = 1;
/** An uncalled base. */
const KEEP_AS_N = 2;
/** It begins a line of another kind, so the sequence ends. */
export const END_SEQUENCE = 3;
export const DROP_LINE = 4;
export type Effect = typeof DROP | typeof KEEP | typeof KEEP_AS_N | typeof END_SEQUENCE | typeof DROP_LINE;

/** A byte and what the sequence builder knows of its place. */
export interface OddByte extends StrangeByte {
  /** See BYTE_KINDS. */
  readonly kind: number;
  /** Letters of the sequence before this byte, and those of them on its line. */
  readonly letters: number;
  readonly lettersOnLine: number;
  /** The byte before it. */
  readonly previous: number;
}

/**
 * What the lines of a sequence may have besides letters in one format, and what it means. Handles one record after
 * another. docs/input.md lists the decisions.
 */
export abstract class SequenceForms {
  /** Whether the current line has anything but letters and meaningless blanks, so that `endLine` must be called. */
  isOdd = false;
  /** Gap characters of the record. */
  gaps = 0;
  /** Letters of the record that stand for amino acids only. */
  protein = 0;
  /** Characters of a FASTQ record that have a quality but are not letters. */
  unread = 0;
  protected strange: StrangeByte | undefined;

  /** The first byte of the record that no nucleotide sequence has. Final after `endRecord`. */
  get strangeByte(): StrangeByte | undefined {
    return this.strange;
  }

  /** @param odd a byte that is neither a letter nor a line end */
  abstract take(odd: OddByte): Effect;

  /** Ends the current line. @param letters letters of the record so far */
  abstract endLine(letters: number): void;

  /** Ends the record, and its last line with it. */
  endRecord(letters: number): void {
    this.endLine(letters);
  }

  reset(): void {
    this.isOdd = false;
    this.gaps = 0;
    this.protein = 0;
    this.unread = 0;
    this.strange = undefined;
  }

  /** Keeps the first in the order of the text, which may be noticed later. */
  protected note({ byte, line, column }: StrangeByte): void {
    const known = this.strange;
    if (known && (known.line < line || (known.line === line && known.column <= column))) return;
    this.strange = { byte, line, column };
  }

  protected noteLetter(odd: OddByte): Effect {
    if (odd.kind === PROTEIN_LETTER) this.protein++;
    this.note(odd);
    return KEEP;
  }
}

/** Where something on the current line began, and the letters of the record before it. */
interface Begun extends StrangeByte {
  readonly letters: number;
}

/**
 * FASTA. Comment lines, the numbers of GenBank and EMBL at either end of a line, gap characters, a `*` after the last
 * letter and a byte order mark at the start of a line have a meaning; blanks have none.
 */
export class FastaForms extends SequenceForms {
  /** The first `*` of the record. */
  #star: Begun | undefined;
  /** Numbers before and after the letters of the current line. */
  #leading: Begun | undefined;
  #isLeadingWhole = false;
  #trailing: Begun | undefined;
  #orderMark: StrangeByte | undefined;
  #orderMarkBytes = 0;

  take(odd: OddByte): Effect {
    const isLineEmpty = odd.lettersOnLine === 0 && !this.isOdd;
    switch (odd.kind) {
      case BLANK:
        return this.#blank(odd);
      case MARK:
        return isLineEmpty && odd.byte === HEADER_SIGN ? END_SEQUENCE : this.noteLetter(odd);
      case COMMENT_MARK:
        return isLineEmpty ? DROP_LINE : this.noteLetter(odd);
      case ORDER_MARK:
        return this.#orderMarkByte(odd, isLineEmpty);
      case GAP:
        this.gaps++;
        return this.#behindLetters();
      case STAR:
        this.#star ??= begun(odd);
        return this.#behindLetters();
      case DIGIT:
        return this.#digit(odd);
      default:
        return this.noteLetter(odd);
    }
  }

  endLine(letters: number): void {
    if (!this.isOdd) return;
    const leading = this.#leading;
    const trailing = this.#trailing;
    // A number must come before letters, with a blank between, or after the last letter of the line.
    if (leading && (!this.#isLeadingWhole || letters === leading.letters)) this.note(leading);
    if (trailing && letters !== trailing.letters) this.note(trailing);
    if (this.#orderMark) this.note(this.#orderMark);
    this.#endLineState();
  }

  override endRecord(letters: number): void {
    super.endRecord(letters);
    if (this.#star && letters > this.#star.letters) this.note(this.#star);
  }

  override reset(): void {
    super.reset();
    this.#star = undefined;
    this.#endLineState();
  }

  #endLineState(): void {
    this.isOdd = false;
    this.#leading = undefined;
    this.#isLeadingWhole = false;
    this.#trailing = undefined;
    this.#orderMark = undefined;
    this.#orderMarkBytes = 0;
  }

  #blank({ letters, previous }: OddByte): Effect {
    if (this.#leading?.letters === letters && isDigit(previous)) this.#isLeadingWhole = true;
    return DROP;
  }

  /** A gap or a star: no header, comment or leading number can follow it on its line. */
  #behindLetters(): Effect {
    if (this.#trailing) this.note(this.#trailing);
    this.isOdd = true;
    return DROP;
  }

  #digit(odd: OddByte): Effect {
    const continuesNumber = isDigit(odd.previous) && (this.#leading ?? this.#trailing) !== undefined;
    if (continuesNumber) return DROP;
    if (odd.lettersOnLine === 0 && !this.isOdd) this.#leading = begun(odd);
    else if (odd.lettersOnLine > 0 && isBlank(odd.previous) && !this.#trailing) this.#trailing = begun(odd);
    else this.note(odd);
    this.isOdd = true;
    return DROP;
  }

  #orderMarkByte(odd: OddByte, isLineEmpty: boolean): Effect {
    const continues = this.#orderMark !== undefined && odd.previous === BYTE_ORDER_MARK[this.#orderMarkBytes - 1];
    if (continues && odd.byte === BYTE_ORDER_MARK[this.#orderMarkBytes]) {
      this.#orderMarkBytes++;
      // A whole mark is ignored: what follows it is at the start of the line.
      if (this.#orderMarkBytes === BYTE_ORDER_MARK.length) this.#endLineState();
      return DROP;
    }
    if (!isLineEmpty || odd.byte !== BYTE_ORDER_MARK[0]) return this.noteLetter(odd);
    this.isOdd = true;
    this.#orderMark = begun(odd);
    this.#orderMarkBytes = 1;
    return DROP;
  }
}

/** The lines of a FASTA record that are in memory: no line begins another record. */
export class MemoryForms extends FastaForms {
  override take(odd: OddByte): Effect {
    const effect = super.take(odd);
    return effect === END_SEQUENCE ? this.noteLetter(odd) : effect;
  }
}

/** FASTA of proteins: blanks are ignored, and the consumer of the letters judges everything else. */
export class ProteinForms extends SequenceForms {
  take({ kind, byte, lettersOnLine }: OddByte): Effect {
    if (kind === MARK && byte === HEADER_SIGN && lettersOnLine === 0) return END_SEQUENCE;
    return kind === BLANK ? DROP : KEEP;
  }

  endLine(): void {
    // Nothing on a line is odd.
  }
}

/**
 * FASTQ: each character of the sequence has a quality, so only blanks at the end of a line are ignored. Early
 * sequencers wrote `.` for a base that they could not call.
 */
export class FastqForms extends SequenceForms {
  /** The first blank of the current line, and the number of blanks since the last letter. */
  #blank: StrangeByte | undefined;
  #blanks = 0;
  #lettersBeforeBlanks = 0;

  take(odd: OddByte): Effect {
    switch (odd.kind) {
      case BLANK:
        return this.#takeBlank(odd);
      case MARK:
        return odd.lettersOnLine === 0 && odd.byte !== HEADER_SIGN ? END_SEQUENCE : this.noteLetter(odd);
      case GAP:
        if (odd.byte === DOT) return KEEP_AS_N;
        this.gaps++;
        this.unread++;
        return DROP;
      default:
        return this.noteLetter(odd);
    }
  }

  endLine(letters: number): void {
    if (!this.isOdd) return;
    if (this.#blank && letters > this.#lettersBeforeBlanks) this.#countBlanks();
    this.isOdd = false;
    this.#blank = undefined;
    this.#blanks = 0;
  }

  override reset(): void {
    super.reset();
    this.#blank = undefined;
    this.#blanks = 0;
  }

  #takeBlank(odd: OddByte): Effect {
    if (this.#blank && odd.letters > this.#lettersBeforeBlanks) this.#countBlanks();
    this.isOdd = true;
    this.#blank ??= begun(odd);
    this.#blanks++;
    this.#lettersBeforeBlanks = odd.letters;
    return DROP;
  }

  /** Counts the blanks, which are not at the end of the line. */
  #countBlanks(): void {
    this.note(this.#blank!);
    this.unread += this.#blanks;
    this.#blanks = 0;
  }
}

/** Begins a FASTA header. Within a line of letters, it begins one that has lost the line end before it. */
export const HEADER_SIGN = '>'.charCodeAt(0);
const DOT = '.'.charCodeAt(0);

function begun({ byte, line, column, letters }: OddByte): Begun {
  return { byte, line, column, letters };
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

function isBlank(byte: number): boolean {
  return BYTE_KINDS[byte] === BLANK;
}
