import type { ContigResult, WindowResult } from '../scoring/results.js';
import type { Wait } from './buffered-file.js';

/** Writes one file, or a few that belong together, from the results as they come. */
export interface ResultWriter {
  window?(result: WindowResult): Wait;
  contig?(result: ContigResult): Wait;
  /** After the last result, before the files are closed. */
  end?(): Promise<void>;
}
