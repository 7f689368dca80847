import { RescaledError } from '../../errors.js';
import { Call, Foreign, Global, Persistent, type PickleValue, runsCode, Tuple } from './pickle-values.js';
import { quote } from './weights-file.js';

export { Call, type Dict, Foreign, Global, Persistent, type PickleValue, Tuple } from './pickle-values.js';

/** What the names in a pickle mean. Calls and objects of any other name are `Foreign`. */
export interface PickleNames {
  /** Called with `()` for an empty dictionary, or with one dictionary: `collections.OrderedDict`. */
  dictionaries: ReadonlySet<string>;
  /** Functions whose calls are kept as `Call`. */
  calls: ReadonlySet<string>;
  /** Functions that call another one, with `(function, type, arguments, ...)`: tensors with attributes. */
  wrappers: ReadonlySet<string>;
}

/** Bounds on what a pickle may build. A state dict of 2,000 tensors has about 60,000 instructions. */
const maxInstructions = 10_000_000;
const maxObjects = 2_000_000;
const maxStack = 1_000_000;
const maxMarks = 1000;

const MARK = Symbol('mark');

/**
 * Reads a pickle as data. Nothing is imported, called or built but maps, arrays, strings and numbers: an object of
 * another class is its name. The instructions of protocol 2 and those that protocols 4 and 5 write in their place are
 * known; any other, and any name that stands for running code, is an error that says which and where.
 *
 * Source of the instructions: Python's pickletools.py.
 * @param path named in errors
 */
export function readPickle(bytes: Uint8Array, names: PickleNames, path: string): PickleValue {
  return new Reader(bytes, names, path).run();
}

class Reader {
  private readonly data: Buffer;
  private at = 0;
  private start = 0;
  private objects = 0;
  private marks = 0;
  private readonly stack: (PickleValue | typeof MARK)[] = [];
  private readonly memo = new Map<number, PickleValue>();

  constructor(
    bytes: Uint8Array,
    private readonly names: PickleNames,
    private readonly path: string,
  ) {
    this.data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): PickleValue {
    for (let done = 0; done < maxInstructions; done++) {
      this.start = this.at;
      const opcode = this.take(1);
      const code = this.data[opcode]!;
      if (code === 0x2e) return this.stop();
      this.step(code);
      if (this.stack.length > maxStack) this.fail(`its stack grows over ${maxStack} values`);
    }
    return this.fail(`it has over ${maxInstructions} instructions`);
  }

  private step(code: number): void {
    const { data, stack } = this;
    switch (code) {
      case 0x80: {
        // PROTO
        const protocol = data[this.take(1)]!;
        if (protocol < 2 || protocol > 5) this.fail(`expected pickle protocol 2 to 5 but found ${protocol}`);
        return;
      }
      case 0x95:
        return void this.take(8); // FRAME
      case 0x28: // MARK
        if (++this.marks > maxMarks) this.fail(`it is nested deeper than ${maxMarks} levels`);
        return void stack.push(MARK);
      case 0x4e:
        return void stack.push(null); // NONE
      case 0x88:
        return void stack.push(true); // NEWTRUE
      case 0x89:
        return void stack.push(false); // NEWFALSE
      case 0x4a:
        return void stack.push(data.readInt32LE(this.take(4))); // BININT
      case 0x4b:
        return void stack.push(data[this.take(1)]!); // BININT1
      case 0x4d:
        return void stack.push(data.readUInt16LE(this.take(2))); // BININT2
      case 0x8a:
        return void stack.push(this.long(data[this.take(1)]!)); // LONG1
      case 0x47:
        return void stack.push(data.readDoubleBE(this.take(8))); // BINFLOAT
      case 0x58:
        return void stack.push(this.text(data.readUInt32LE(this.take(4)))); // BINUNICODE
      case 0x8c:
        return void stack.push(this.text(data[this.take(1)]!)); // SHORT_BINUNICODE
      case 0x7d:
        return void stack.push(this.made(new Map())); // EMPTY_DICT
      case 0x5d:
        return void stack.push(this.made([])); // EMPTY_LIST
      case 0x29:
        return void stack.push(this.made(new Tuple([]))); // EMPTY_TUPLE
      case 0x74:
        return void stack.push(this.made(new Tuple(this.toMark()))); // TUPLE
      case 0x85:
      case 0x86:
      case 0x87: // TUPLE1, 2, 3
        return void stack.push(this.made(new Tuple(this.popMany(code - 0x84))));
      case 0x61: {
        // APPEND
        const value = this.pop();
        return void this.topList()?.push(value);
      }
      case 0x65: {
        // APPENDS
        const items = this.toMark();
        const list = this.topList();
        for (const item of items) list?.push(item);
        return;
      }
      case 0x73:
        return this.setItems(this.popMany(2)); // SETITEM
      case 0x75:
        return this.setItems(this.toMark()); // SETITEMS
      case 0x8b:
        return void stack.push(this.long(data.readUInt32LE(this.take(4)))); // LONG4
      case 0x8d:
        return void stack.push(this.text(this.length64())); // BINUNICODE8
      case 0x43:
        return this.bytes(data[this.take(1)]!); // SHORT_BINBYTES
      case 0x42:
        return this.bytes(data.readUInt32LE(this.take(4))); // BINBYTES
      case 0x8e:
      case 0x96:
        return this.bytes(this.length64()); // BINBYTES8, BYTEARRAY8
      case 0x55:
        return this.bytes(data[this.take(1)]!, 'str'); // SHORT_BINSTRING
      case 0x54:
        return this.bytes(data.readUInt32LE(this.take(4)), 'str'); // BINSTRING
      case 0x8f:
        return void stack.push(this.made(new Foreign('set'))); // EMPTY_SET
      case 0x90: {
        // ADDITEMS
        this.toMark();
        if (!(stack.at(-1) instanceof Foreign)) this.fail('expected a set to add to');
        return;
      }
      case 0x91:
        this.toMark();
        return void stack.push(this.made(new Foreign('frozenset'))); // FROZENSET
      case 0x30:
        return void this.pop(); // POP
      case 0x31:
        return void this.toMark(); // POP_MARK
      case 0x32: {
        // DUP
        const value = this.pop();
        return void stack.push(value, value);
      }
      case 0x71:
        return this.remember(data[this.take(1)]!); // BINPUT
      case 0x72:
        return this.remember(data.readUInt32LE(this.take(4))); // LONG_BINPUT
      case 0x94:
        return this.remember(this.memo.size); // MEMOIZE
      case 0x68:
        return void stack.push(this.recall(data[this.take(1)]!)); // BINGET
      case 0x6a:
        return void stack.push(this.recall(data.readUInt32LE(this.take(4)))); // LONG_BINGET
      case 0x63: {
        // GLOBAL
        const module = this.line();
        return void stack.push(this.global(`${module}.${this.line()}`));
      }
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.popMany(2);
        if (typeof module !== 'string' || typeof name !== 'string') this.fail('expected two strings for STACK_GLOBAL');
        return void stack.push(this.global(`${module}.${name}`));
      }
      case 0x51:
        return void stack.push(this.made(new Persistent(this.pop()))); // BINPERSID
      case 0x52:
        return void stack.push(this.made(this.reduce())); // REDUCE
      case 0x81:
        return void stack.push(this.made(this.object(this.popMany(2)))); // NEWOBJ
      case 0x92:
        return void stack.push(this.made(this.object(this.popMany(3)))); // NEWOBJ_EX
      case 0x62:
        return this.build(); // BUILD
      default: {
        const letter = code > 32 && code < 127 ? ` ("${String.fromCharCode(code)}")` : '';
        this.fail(`instruction 0x${code.toString(16).padStart(2, '0')}${letter} is none that a state dict needs`);
      }
    }
  }

  private stop(): PickleValue {
    const value = this.pop();
    if (this.stack.length > 0) this.fail('values are left over at its end');
    return value;
  }

  private global(name: string): Global {
    if (runsCode(name))
      this.fail(
        `it asks for ${quote(name)}, which runs code where it is loaded in Python; nothing was run here. ` +
          'Get the file from a source that you trust',
      );
    return this.made(new Global(name));
  }

  private reduce(): PickleValue {
    const [callee, args] = this.popMany(2);
    if (!(callee instanceof Global || callee instanceof Foreign) || !(args instanceof Tuple))
      return this.fail('expected a name and a tuple of arguments for REDUCE');
    const { name } = callee;
    if (callee instanceof Foreign) return new Foreign(name);
    if (this.names.calls.has(name)) return new Call(name, args.items);
    if (this.names.wrappers.has(name)) {
      const [inner, , given] = args.items;
      return inner instanceof Global && this.names.calls.has(inner.name) && given instanceof Tuple
        ? new Call(inner.name, given.items)
        : new Foreign(inner instanceof Global ? inner.name : name);
    }
    const first = args.items[0];
    // Members of an enumeration are asked of their class.
    if (/^(builtins|__builtin__)\.getattr$/.test(name) && first instanceof Global) return new Foreign(first.name);
    if (!this.names.dictionaries.has(name)) return new Foreign(name);
    if (args.items.length === 0) return new Map();
    if (args.items.length === 1 && first instanceof Map) return new Map(first);
    // A defaultdict is called with what makes its missing values.
    if (args.items.length === 1 && (first instanceof Global || first === null)) return new Map();
    return this.fail(`expected ${name} to be called with nothing or a dictionary`);
  }

  /** An object that is made without calling its class; `BUILD` sets its attributes. */
  private object([type]: PickleValue[]): PickleValue {
    if (!(type instanceof Global)) return this.fail('expected the name of a class for NEWOBJ');
    return this.names.dictionaries.has(type.name) ? new Map() : new Foreign(type.name);
  }

  /**
   * Attributes: of a dictionary PyTorch's `_metadata` (layer versions), which are not needed; those of foreign objects
   * are not kept either; those of anything else are refused.
   */
  private build(): void {
    const [target, state] = this.popMany(2);
    if (!(target instanceof Foreign) && !(target instanceof Map && state instanceof Map))
      this.fail('expected BUILD to set attributes of an OrderedDict or of an object');
    this.stack.push(target!);
  }

  private setItems(items: PickleValue[]): void {
    const dict = this.stack.at(-1);
    if (dict instanceof Foreign) return; // a dictionary of its own class
    if (!(dict instanceof Map)) return this.fail('expected a dictionary to set items of');
    if (items.length % 2 !== 0) this.fail('expected as many values as keys');
    this.objects += items.length / 2; // the map keeps them
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
    this.checkObjects();
  }

  /** Undefined for a list of its own class. */
  private topList(): PickleValue[] | undefined {
    const list = this.stack.at(-1);
    if (list instanceof Foreign) return undefined;
    if (!Array.isArray(list)) return this.fail('expected a list to append to');
    return list;
  }

  private made<T extends PickleValue>(value: T): T {
    this.objects++;
    this.checkObjects();
    return value;
  }
  private checkObjects(): void {
    if (this.objects > maxObjects) this.fail(`it builds over ${maxObjects} objects`);
  }

  private pop(): PickleValue {
    const value = this.stack.pop();
    if (value === undefined) return this.fail('its stack is empty');
    if (value === MARK) return this.fail('a mark stands where a value is needed');
    return value;
  }
  private popMany(count: number): PickleValue[] {
    const values = new Array<PickleValue>(count);
    for (let i = count - 1; i >= 0; i--) values[i] = this.pop();
    return values;
  }
  private toMark(): PickleValue[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) return this.fail('it has no mark');
    this.marks--;
    const values = this.stack.splice(mark + 1) as PickleValue[];
    this.stack.pop();
    return values;
  }

  private remember(index: number): void {
    const value = this.pop();
    this.stack.push(value);
    this.memo.set(index, value);
    if (this.memo.size > maxObjects) this.fail(`it remembers over ${maxObjects} values`);
  }
  private recall(index: number): PickleValue {
    const value = this.memo.get(index);
    return value === undefined ? this.fail(`it recalls value ${index}, which it never stored`) : value;
  }

  /** Moves on by `length` bytes and returns where they begin. */
  private take(length: number): number {
    const begin = this.at;
    if (length > this.data.length - begin) this.fail('it ends in the middle');
    this.at += length;
    return begin;
  }
  private text(length: number): string {
    const begin = this.take(length);
    return this.data.toString('utf8', begin, begin + length);
  }
  /** Bytes are not needed: their kind alone is kept. */
  private bytes(length: number, kind: 'bytes' | 'str' = 'bytes'): void {
    if (kind === 'str') return void this.stack.push(this.text(length));
    this.take(length);
    this.stack.push(this.made(new Foreign(kind)));
  }
  private length64(): number {
    const length = this.data.readBigUInt64LE(this.take(8));
    return length > BigInt(this.data.length) ? this.fail('it ends in the middle') : Number(length);
  }
  private line(): string {
    const begin = this.at;
    const end = this.data.indexOf(0x0a, begin);
    if (end < 0 || end - begin > 1000) this.fail('it ends in the middle of a name');
    this.at = end + 1;
    return this.data.toString('utf8', begin, end);
  }
  /** Two's complement, little-endian; a bigint only where a number would not be exact. */
  private long(length: number): number | bigint {
    if (length > 1024) this.fail('a whole number has over 1024 bytes');
    const begin = this.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.data[begin + i]!);
    if (length > 0) value = BigInt.asIntN(8 * length, value);
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }

  private fail(what: string): never {
    throw new RescaledError(`${this.path} cannot be read as weights: its pickle at byte ${this.start}: ${what}.`);
  }
}
