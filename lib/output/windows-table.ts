import type { FrameScore, WindowResult } from '../scoring/results.js';
import type { BufferedFile, Wait } from './buffered-file.js';
import { escapeCell, escapeControls, LastCell } from './cell.js';
import { headerLine, WINDOWS_TABLE } from './files.js';
import { float32Text } from './float-text.js';
import type { ResultWriter } from './result-writer.js';

const STRANDS: Readonly<Record<string, string>> = { F: '+', R: '-' };

export class WindowsTableWriter implements ResultWriter {
  readonly #file: BufferedFile;
  readonly #contig = new LastCell();
  readonly #source = new LastCell();

  constructor(file: BufferedFile, comment: string) {
    this.#file = file;
    const positions = 'start and end are 0-based, half-open';
    void file.append(`# ${escapeControls(comment)}; ${positions}\n${headerLine(WINDOWS_TABLE)}`);
  }

  window(result: WindowResult): Wait {
    const place = `${this.#contig.of(result.contig)}\t${result.number}\t${result.start}\t${result.end}`;
    const reason = escapeCell(result.reason);
    const score = `${this.#decision(result)}\t${result.frames.length}\t${result.status}\t${reason}`;
    const origin = `${this.#source.of(result.source)}\t${result.record + 1}`;
    return this.#file.append(`${place}\t${score}\t${modelCell(result.model)}\t${origin}\n`);
  }

  #decision({ bestFrame, call }: WindowResult): string {
    if (bestFrame === undefined || call === undefined) return '\t\t\tnone';
    const { strand, frame, score } = decisionCells(bestFrame);
    return `${strand}\t${frame}\t${score}\t${call}`;
  }
}

/** The cells that say which frame decides a window, and with which virus score. */
export function decisionCells({ frame, virus }: FrameScore): { strand: string; frame: string; score: string } {
  return { strand: STRANDS[frame.charAt(0)]!, frame: frame.charAt(1), score: float32Text(virus) };
}

/** The cell that says which model decided a window. */
export function modelCell(name: string): string {
  return escapeCell(name);
}
