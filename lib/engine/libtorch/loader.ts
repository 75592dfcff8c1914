/** The module virnucpro_loader.node (csrc/loader.cc): it is linked to nothing but Node. */
export interface Loader {
  /** Sets a variable of the C environment unless it is set: native libraries do not see changes to `process.env`. */
  setDefault(name: string, value: string): void;
  /** dlopen with RTLD_NOW | RTLD_GLOBAL; throws with the linker's message. */
  load(path: string): void;
  /** `load` on another thread. */
  loadAside(path: string): Promise<void>;
  /** Ends the process at once with this exit code, whatever its threads are doing. */
  leave(code: number): never;
}
