// @ts-check

/** Reports a step on standard output: a line for each message, and progress, rewritten on a terminal, else as lines. */
export class Step {
  #name;
  #started = performance.now();
  #lastTenth = -1;
  #rewriting = false;

  /** @param {string} name */
  constructor(name) {
    this.#name = name;
  }

  /** Reports what begins now. @param {string} text */
  say(text) {
    this.#lastTenth = -1;
    this.#line(text);
  }

  /** @param {string} what @param {number} fraction 0 to 1 */
  progress(what, fraction) {
    const percent = Math.floor(Math.min(1, fraction) * 100);
    const tenth = Math.floor(percent / 10);
    if (process.stdout.isTTY && process.env['TERM'] !== 'dumb') {
      process.stdout.write(`\r\x1b[K${this.#prefix()}${what} ${percent} %`);
      this.#rewriting = true;
    } else if (tenth > this.#lastTenth) {
      this.#line(`${what} ${percent} %`);
    }
    this.#lastTenth = tenth;
  }

  /** @param {string} text */
  done(text) {
    this.#line(`${text} (${((performance.now() - this.#started) / 1000).toFixed(1)} s)`);
  }

  /** @param {string} [text] */
  upToDate(text) {
    this.#line(text ? `up to date: ${text}` : 'up to date');
  }

  /** Ends the line of a progress that will not finish. */
  interrupted() {
    if (this.#rewriting) process.stdout.write('\n');
    this.#rewriting = false;
  }

  #prefix() {
    return `${this.#name.padEnd(12)} `;
  }

  /** @param {string} text */
  #line(text) {
    if (this.#rewriting) process.stdout.write('\r\x1b[K');
    this.#rewriting = false;
    console.log(`${this.#prefix()}${text}`);
  }
}
