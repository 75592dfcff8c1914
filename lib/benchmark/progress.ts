/** A step of a benchmark that may take long. */
export type BenchmarkProgress =
  | {
      readonly step: 'write';
      /** Of the archive with random weights. */
      readonly bytes: number;
      /** The temporary folder that it is written to, and that is removed when the model is loaded. */
      readonly folder: string;
    }
  | {
      /** The installed model's archive is compared with its hash, for it was not since it changed. */
      readonly step: 'check';
      /** To read. */
      readonly bytes: number;
    }
  | { readonly step: 'load' | 'warm up' | 'measure' };
