/** `word`: one of a few, which are never escaped. `score`: float32. */
export type ColumnType = 'text' | 'word' | 'integer' | 'score';

/** A column of a table, in the words of the documentation. */
export interface OutputColumn<Name extends string = string> {
  readonly name: Name;
  readonly meaning: string;
  /** Empty for text. */
  readonly unit: string;
  readonly type: ColumnType;
  /** Whether a row may have no value. */
  readonly isOptional: boolean;
}

/** A file that a run writes. The writers take names and headers from here, and the documentation is checked against it. */
export interface OutputFile<Column extends string = string> {
  /**
   * `{input}` stands for the input's name without its extension (`x` for `x.fa.gz`), `{size}` for the chunk size in
   * bases.
   */
  readonly name: string;
  readonly when:
    | 'always'
    | 'tsv-tables'
    | 'parquet-tables'
    | 'keep-intermediate'
    | 'save-embeddings'
    | 'embeddings-format'
    | 'failures'
    | 'unfinished';
  readonly format: string;
  readonly meaning: string;
  /** In order; empty if the file is not a table. */
  readonly columns: readonly OutputColumn<Column>[];
}

/** @param kind `?` marks an optional column */
function column<Name extends string>(
  name: Name,
  meaning: string,
  unit = '',
  kind: ColumnType | `${ColumnType}?` = 'text',
): OutputColumn<Name> {
  return { name, meaning, unit, type: kind.replace('?', '') as ColumnType, isOptional: kind.endsWith('?') };
}

const SOURCE = column('source', 'Path that the record was read from, `-` for standard input');
const RECORD = column(
  'record',
  'Number of the record over all inputs: distinguishes records with the same id',
  'from 1',
  'integer',
);
const SCORE = '0 to 1, float32, shortest text that reads back as the same value';

export const PREDICTION_RESULTS: OutputFile = {
  name: 'prediction_results.txt',
  when: 'always',
  format: 'tab-separated with a header line, exactly as in the classic tool: ids are not escaped',
  meaning:
    'One row for each scored ORF, in input order. The scores are those of the run: calibrated if the model has a ' +
    'temperature, except with `--no-calibration`; the published models have none.',
  columns: [
    column('Sequence_ID', 'Id of the ORF: contig, `_chunk_`, number of the window, frame (F1 to F3, R1 to R3)'),
    column('Prediction', '`virus` if score2 is greater than score1, else `others`'),
    column('score1', 'Score of the class `others`', SCORE),
    column('score2', 'Score of the class `virus`', SCORE),
  ],
};

export const HIGHEST_SCORE: OutputFile = {
  name: 'prediction_results_highestscore.csv',
  when: 'always',
  format: 'tab-separated despite its name, exactly as in the classic tool: ids are not escaped',
  meaning:
    'One row for each window id with a scored ORF, sorted by code point. Windows with the same id (contigs with the ' +
    'same name) share one row.',
  columns: [
    column('Modified_ID', 'Window id: contig, `_chunk_`, number of the window'),
    column('Is_Virus', "`True` if the highest score2 of the id's ORFs is at least their highest score1, else `False`"),
  ],
};

const TABLE_FORMAT =
  'UTF-8, tab-separated, one comment line that starts with `#`, one header line, then rows. A missing value is an empty ' +
  'cell. In text a backslash is `\\\\`, a tab `\\t`, a line end `\\n` or `\\r`, another control character `\\xNN` or ' +
  '`\\uNNNN`. Text that starts with `=`, `+`, `-`, `@`, `#`, `"` or an apostrophe gets an apostrophe in front, so that no ' +
  'program mistakes it for a formula, a comment or a quotation. The comment names the model, what calls depend on, the ' +
  "`temperature` of calibrated scores and the path of the model's `card`, in which a blank, `;` and `%` are `%20`, `%3B` " +
  'and `%25`. Skip it by position (pandas `skiprows=1`, R `skip = 1`), because `#` is common in ids';

export const WINDOWS_TABLE = {
  name: 'windows.tsv',
  when: 'tsv-tables',
  format: TABLE_FORMAT,
  meaning:
    'One row for each window of each record, scored or not, in input order. Windows are cut from the start of a record, as ' +
    'in the classic tool, and the last one may be short: a record of 501 bases and its reverse complement are cut in ' +
    'different places, so their scores can differ.',
  columns: [
    column('contig', 'Id of the record: the first word of its header'),
    column('window', 'Number of the window within its record', 'from 1', 'integer'),
    column('start', 'First base of the window on the forward strand', 'bases, 0-based as in BED', 'integer'),
    column(
      'end',
      'End of the window on the forward strand',
      'bases, 0-based, not included (half-open) as in BED',
      'integer',
    ),
    column('strand', 'Strand of the deciding ORF, `+` or `-`; empty if no ORF was scored', '', 'word?'),
    column('frame', 'Reading frame of the deciding ORF; empty if no ORF was scored', '1 to 3', 'integer?'),
    column(
      'virus_score',
      'Score of the class virus in the deciding ORF, the one with the highest score of either class; empty if no ORF ' +
        'was scored',
      SCORE,
      'score?',
    ),
    column(
      'call',
      '`virus` if virus_score is at least the threshold, else `other`; `none` if no ORF was scored',
      '',
      'word',
    ),
    column('frames', 'Number of scored ORFs, the frames without a stop codon', 'ORFs, 0 to 6', 'integer'),
    column('status', '`scored`, `no_frame` (a stop codon in every frame, or no codon) or `failed`', '', 'word'),
    column('reason', 'Why the window has no score; empty if it has one', '', 'text?'),
    column(
      'model',
      'Name of the model that decided the window: with `--triage` either the small model or that of the run; empty if ' +
        'the window has no score',
      '',
      'text?',
    ),
    SOURCE,
    RECORD,
  ],
} satisfies OutputFile;

export const CONTIGS_TABLE = {
  name: 'contigs.tsv',
  when: 'tsv-tables',
  format: TABLE_FORMAT,
  meaning: 'One row for each input record, scored or not, in input order.',
  columns: [
    column('contig', 'Id of the record: the first word of its header'),
    column('length', 'Length of the record', 'letters', 'integer'),
    column('ambiguous', 'Letters other than A, C, G, T and U, in either case', 'letters', 'integer'),
    column('verdict', '`virus`, `other`, or `none` if no window was scored', '', 'word'),
    column('windows', 'Windows of the record', 'windows', 'integer'),
    column('windows_scored', 'Windows with at least one scored ORF', 'windows', 'integer'),
    column('windows_virus', 'Scored windows whose virus_score is at least the threshold', 'windows', 'integer'),
    column(
      'mean_virus_score',
      'Mean virus_score of the scored windows; empty if none was scored',
      '0 to 1, rounded to float32, shortest text that reads back as the same value',
      'score?',
    ),
    column('max_virus_score', 'Highest virus_score of the scored windows; empty if none was scored', SCORE, 'score?'),
    column(
      'mean_log_odds',
      'Mean of ln(virus_score / (1 − virus_score)) over the scored windows, with scores kept 2^-24 away from 0 and 1: ' +
        'ranks contigs better than mean_virus_score; empty if none was scored',
      '-16.6 to 16.6, above 0 for virus, rounded to float32, shortest text that reads back as the same value',
      'score?',
    ),
    column(
      'status',
      '`scored`, `partial` (some windows failed), `no_frame`, `empty` (no letters), `invalid` (the record itself is malformed and has no windows) or `failed`',
      '',
      'word',
    ),
    column('reason', 'Why scores are missing; empty if none is', '', 'text?'),
    SOURCE,
    RECORD,
  ],
} satisfies OutputFile;

const PARQUET_FORMAT =
  'Parquet, compressed with Snappy: the columns of the table in TSV and in its order. Text is a STRING without escapes, a ' +
  'number of records, letters and so on an INT64, a score a FLOAT, and what would be an empty cell is null. The key ' +
  '`virnucpro` of the file has the comment of the table in TSV';

export const CONTIGS_PARQUET: OutputFile = {
  name: 'contigs.parquet',
  when: 'parquet-tables',
  format: PARQUET_FORMAT,
  meaning: 'The table of contigs.tsv, which is then not written.',
  columns: [],
};

export const WINDOWS_PARQUET: OutputFile = {
  name: 'windows.parquet',
  when: 'parquet-tables',
  format: PARQUET_FORMAT,
  meaning: 'The table of windows.tsv, which is then not written.',
  columns: [],
};

/** The table of contigs and that of windows in each format. */
export const TABLES = {
  tsv: [CONTIGS_TABLE, WINDOWS_TABLE],
  parquet: [CONTIGS_PARQUET, WINDOWS_PARQUET],
} as const;

export const VIRUS_SEQUENCES: OutputFile = {
  name: 'virus.fna',
  when: 'always',
  format: 'FASTA, wrapped at 60 columns',
  meaning:
    'The records with the verdict `virus`: the whole header, all letters in their original case, in input order.',
  columns: [],
};

export const CHUNKED: OutputFile = {
  name: '{input}_chunked{size}.fa',
  when: 'keep-intermediate',
  format: 'FASTA, wrapped at 60 columns, exactly as in the classic tool',
  meaning: 'The letters of every window.',
  columns: [],
};

export const IDENTIFIED_NUCLEOTIDE: OutputFile = {
  name: '{input}_identified_nucleotide.fa',
  when: 'keep-intermediate',
  format: 'FASTA, one line per sequence, exactly as in the classic tool',
  meaning: 'The bases of every ORF (in the words of the classic tool, every kept frame): what the DNA model reads.',
  columns: [],
};

export const IDENTIFIED_PROTEIN: OutputFile = {
  name: '{input}_identified_protein.faa',
  when: 'keep-intermediate',
  format: 'FASTA, one line per sequence, exactly as in the classic tool',
  meaning: 'The amino acids of every ORF: what the protein model reads.',
  columns: [],
};

export const EMBEDDINGS: OutputFile = {
  name: 'embeddings.f32',
  when: 'save-embeddings',
  format:
    'float32 numbers, little-endian, without a header: one row for each row of prediction_results.txt, in the same order, ' +
    'as wide as the embeddings of both models together (numpy: `fromfile(name, "<f4").reshape(-1, width)`; run.json has ' +
    'the widths of the models)',
  meaning: 'What the classifier reads of every scored ORF: the mean over the tokens of DNABERT-S, then that of ESM-2.',
  columns: [],
};

function embeddingsFile(extension: string, meaning = 'The embeddings of every scored ORF'): OutputFile {
  return {
    name: `embeddings.${extension}`,
    when: 'embeddings-format',
    format: 'see [embedding-formats.md](embedding-formats.md#embeddings-of-predict)',
    meaning: `${meaning}.`,
    columns: [],
  };
}

/** The embeddings in the formats of other programs: a run writes one of them, and `.npy` with its table of rows. */
export const FORMATTED_EMBEDDINGS: readonly OutputFile[] = [
  ...['parquet', 'arrow', 'h5', 'npy'].map((extension) => embeddingsFile(extension)),
  embeddingsFile('ids.tsv', 'What the rows of embeddings.npy are of'),
  ...['npz', 'pt', 'tsv'].map((extension) => embeddingsFile(extension)),
];

export const JOURNAL: OutputFile = {
  name: '.journal',
  when: 'unfinished',
  format: 'binary, append-only, one checksummed record per batch',
  meaning:
    'What the run has computed so far, from which `--resume` continues. It is removed when every window with an ORF is ' +
    'scored.',
  columns: [],
};

export const FAILED_FILES: OutputFile = {
  name: 'failed_files.txt',
  when: 'failures',
  format:
    'one line per failure, three fields separated by `|`, no header; control characters and backslashes are escaped as in ' +
    'the tables',
  meaning:
    'What could not be computed and why, with one line for each failure and input. The tables say which windows.',
  columns: [
    column('file_path', 'The input that the ORFs or the record come from; `-` for standard input'),
    column(
      'stage',
      '`DNABERT-S`, `ESM-2`, `classifier`, `batch` if it failed before any of these, or `input` for an invalid record',
    ),
    column('error_message', 'The error; it may contain more `|`'),
  ],
};

export const RUN_LOG: OutputFile = {
  name: 'run.log',
  when: 'always',
  format: 'text, one entry per line, with time and level',
  meaning:
    'The log of the run at the level of `--log-level`, whether or not it was on the screen. During the run it grows in the ' +
    'folder `.unfinished-…` beside it.',
  columns: [],
};

export const RUN_MANIFEST: OutputFile = {
  name: 'run.json',
  when: 'always',
  format: 'JSON, written last: a directory with a run.json holds a finished run',
  meaning:
    'How the results were made: versions, model (with the path of its `card`, and whether it came with the program), ' +
    'inputs, parameters (with the `temperature` of the scores, 1 if they are not calibrated), devices (with ' +
    '`tokensPerSecond`, `matmulEfficiency`, which is the fraction of the speed that the matrix products alone reach, and ' +
    'the peak of their memory), counts, times, and every file written except run.log, which is still growing. `outcome` ' +
    'is `complete`, `partial` (some windows failed, or records are invalid) or `stopped`: the run ended early, and the ' +
    'results are correct but incomplete. `rescored` appears after `virnucpro call`: one entry per call, with the ' +
    'settings before it.',
  columns: [],
};

/** Every file that a run can write, in the order in which they are documented. */
export const OUTPUT_FILES: readonly OutputFile[] = [
  CONTIGS_TABLE,
  WINDOWS_TABLE,
  CONTIGS_PARQUET,
  WINDOWS_PARQUET,
  VIRUS_SEQUENCES,
  PREDICTION_RESULTS,
  HIGHEST_SCORE,
  CHUNKED,
  IDENTIFIED_NUCLEOTIDE,
  IDENTIFIED_PROTEIN,
  EMBEDDINGS,
  ...FORMATTED_EMBEDDINGS,
  FAILED_FILES,
  RUN_LOG,
  RUN_MANIFEST,
  JOURNAL,
];

/** The name of a file in the directory of one run. */
export function outputFileName(file: OutputFile, inputName: string, chunkSize: number): string {
  return file.name.replace('{size}', String(chunkSize)).replace('{input}', () => inputName);
}

/** Whether some run could write a file of this name. Takes a name, never a path. */
export function isResultName(name: string): boolean {
  return OUTPUT_FILES.some(({ name: pattern }) => {
    const [stem, rest] = pattern.split('{input}');
    if (rest === undefined) return name === stem;
    const [before = '', after = ''] = rest.replaceAll('.', '\\.').split('{size}');
    const size = rest.includes('{size}') ? '\\d+' : '';
    return new RegExp(`^[^/\\0]+${before}${size}${after}$`, 's').test(name);
  });
}

/** The header line of a table, with its line end. */
export function headerLine(file: OutputFile): string {
  return file.columns.map(({ name }) => name).join('\t') + '\n';
}
