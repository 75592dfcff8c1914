/** A step of a benchmark that may take long. */
export type BenchmarkProgress =
  | {
      readonly step: 'write';
      /** Of the archive with random weights. */
      readonly bytes: number;
      /** The temporary folder that it is written to, and that is removed when the model is loaded. */
      readonly folder: string;
    }
  | { readonly step: 'load' | 'warm up' | 'measure' };
