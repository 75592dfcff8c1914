import { kindOf, type PickledStorage, type PickledValue } from './pickle-values.js';

const LONGEST_INTEGER = 64;

/** The pickle does not end within the bytes at hand: it is truncated, or more bytes are needed. */
export class PickleEndsEarly extends Error {}

/** The stack, the memo and the cursor that the operations work on. Every access is checked. */
export class PickleMachine {
  private readonly stack: PickledValue[] = [];
  /** Heights of the stack at the marks; nothing below the last one can be taken. */
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, PickledValue>();
  private readonly view: DataView;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(
    private readonly bytes: Uint8Array,
    /** The next byte. */
    public position: number,
    readonly storages: Map<string, PickledStorage>,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The value that STOP leaves. */
  finish(): PickledValue {
    const value = this.pop();
    if (this.stack.length > 0) throw new Error('it stops with values left over');
    return value;
  }

  take(length: number): Uint8Array {
    if (!(length <= this.bytes.length - this.position)) {
      throw new PickleEndsEarly(`${length} bytes are asked for at ${this.position}, there are ${this.bytes.length}`);
    }
    const start = this.position;
    this.position += length;
    return this.bytes.subarray(start, this.position);
  }

  unsigned(size: 1 | 2 | 4 | 8): number {
    const at = this.position;
    this.take(size);
    if (size === 1) return this.view.getUint8(at);
    if (size === 2) return this.view.getUint16(at, true);
    if (size === 4) return this.view.getUint32(at, true);
    const value = this.view.getBigUint64(at, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`a length of ${value} bytes is impossible`);
    return Number(value);
  }

  signed32(): number {
    const at = this.position;
    this.take(4);
    return this.view.getInt32(at, true);
  }

  float64(): number {
    const at = this.position;
    this.take(8);
    return this.view.getFloat64(at, false);
  }

  /** A two's complement integer of any length up to 64 bytes. */
  integer(length: number): number | bigint {
    if (length < 0 || length > LONGEST_INTEGER) throw new Error(`an integer of ${length} bytes is impossible`);
    let value = 0n;
    for (const [index, byte] of this.take(length).entries()) value |= BigInt(byte) << BigInt(8 * index);
    value = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  text(length: number): string {
    const bytes = this.take(length);
    try {
      return this.decoder.decode(bytes);
    } catch {
      throw new Error('a text is not valid UTF-8');
    }
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleEndsEarly('a line does not end');
    const line = this.text(end - this.position);
    this.take(1);
    return line;
  }

  push(value: PickledValue): void {
    this.stack.push(value);
  }

  pop(): PickledValue {
    const value = this.peek();
    this.stack.pop();
    return value;
  }

  peek(): PickledValue {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw new Error('the stack is empty');
    return this.stack.at(-1)!;
  }

  mark(): void {
    this.marks.push(this.stack.length);
  }

  popToMark(): PickledValue[] {
    const height = this.marks.pop();
    if (height === undefined) throw new Error('there is no mark');
    return this.stack.splice(height);
  }

  /** POP removes a mark when there is nothing above it. */
  discard(): void {
    if (this.marks.length > 0 && this.stack.length === this.marks.at(-1)) this.marks.pop();
    else this.pop();
  }

  remember(index = this.memo.size): void {
    this.memo.set(index, this.peek());
  }

  recall(index: number): PickledValue {
    const value = this.memo.get(index);
    if (value === undefined) throw new Error(`the memo has no value ${index}`);
    return value;
  }

  /** The container below the arguments of APPENDS, SETITEMS, …, when it is of the right kind. */
  target<T extends PickledValue>(isRight: (value: PickledValue) => value is T, what: string): T {
    const value = this.peek();
    if (!isRight(value)) throw new Error(`${what} is asked for, but there is ${kindOf(value)}`);
    return value;
  }
}
