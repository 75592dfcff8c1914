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

/** What becomes of a byte that is no letter of a nucleotide sequence. */
export const DROP = 0;
/** It stays among the letters, of a record that is not sound. */
export const KEEP = 1;
/** A base that was not called. */
const KEEP_AS_N = 2;
/** It begins a line of another kind: the sequence has ended. */
export const END_SEQUENCE = 3;
export const DROP_LINE = 4;
export type Effect = typeof DROP | typeof KEEP | typeof KEEP_AS_N | typeof END_SEQUENCE | typeof DROP_LINE;

/** A byte and what the builder of the sequence knows of its place. */
export interface OddByte extends StrangeByte {
  /** See BYTE_KINDS. */
  readonly kind: number;
  /** Letters of the sequence before it, and of these on its line. */
  readonly letters: number;
  readonly lettersOnLine: number;
  /** The byte before it. */
  readonly previous: number;
}

/**
 * What else than letters the lines of a sequence may have in one format, and what it means. One record after another;
 * docs/input.md lists the decisions.
 */
export abstract class SequenceForms {
  /** Whether the current line has anything but letters, and blanks where they say nothing: then `endLine` is to be told. */
  isOdd = false;
  /** Gap characters of the record. */
  gaps = 0;
  /** Letters of the record that stand for amino acids only. */
  protein = 0;
  /** Characters of a FASTQ record that have a quality and are no letters. */
  unread = 0;
  protected strange: StrangeByte | undefined;

  /** The first byte of the record that no nucleotide sequence has. Final after `endRecord`. */
  get strangeByte(): StrangeByte | undefined {
    return this.strange;
  }

  /** @param odd a byte that is neither a letter nor a line end */
  abstract take(odd: OddByte): Effect;

  /** The current line is at its end, with so many letters of the record so far. */
  abstract endLine(letters: number): void;

  /** The record is at its end, which its last line is, too. */
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

  /** The first in the order of the text counts, whenever it is noticed. */
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
 * FASTA: comment lines, GenBank's and EMBL's numbers at either end of a line, gap characters, a `*` behind the last letter
 * and a byte order mark at the start of a line mean something; blanks mean nothing.
 */
export class FastaForms extends SequenceForms {
  /** The first `*` of the record. */
  #star: Begun | undefined;
  /** Numbers before and behind the letters of the current line. */
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
    // A number is before letters, with a blank between, or behind them and before nothing.
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

  /** A gap or a star, behind which no header, comment or first number can be. */
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
      // Whole, it is as if it were not there: what comes behind it is at the start of the line.
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

/** FASTA of proteins: blanks mean nothing, and everything else is for whoever wants the letters to judge. */
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
 * FASTQ: each character of the sequence has a quality, and so none is left out but blanks at the end of a line. A `.` is
 * how early sequencers wrote a base that they could not call.
 */
export class FastqForms extends SequenceForms {
  /** The first blank of the current line, and those since the last letter. */
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

  /** They were not at the end of the line. */
  #countBlanks(): void {
    this.note(this.#blank!);
    this.unread += this.#blanks;
    this.#blanks = 0;
  }
}

/** What begins a FASTA header; within a line of letters it is one that has lost the line end before it. */
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
