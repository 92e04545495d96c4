import { InputError } from "../lib/errors.ts";
import { ByteCursor } from "./byte-cursor.ts";
import { OP } from "./pickle-opcodes.ts";

/**
 * What a pickle may name and what that stands for. Nothing of Python runs: a global is a name, and to call it
 * is to ask here.
 */
export interface PickleHost {
  /** As `module.name`; every other one is refused where it is named. */
  readonly globals: ReadonlySet<string>;
  /** What calling a global gives; undefined where these arguments are not those of a known call. */
  call(global: string, args: readonly unknown[]): unknown;
  /** What a persistent id stands for; undefined where it is unknown. */
  load(id: unknown): unknown;
}

/** A global by name: what GLOBAL pushes and REDUCE calls. */
export class PickleGlobal {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

const PROTOCOL = 2;

/** The values of so many take some 200 MB at most. A dump of SGLang's recorder has less than 100 for each pass. */
const MOST_OPCODES = 1 << 20;
const TEXT = new TextDecoder();

/**
 * Reads a pickle of protocol 2 that holds plain data and what `host` allows: numbers, texts, booleans and
 * null; lists and tuples as arrays; dictionaries as Maps; globals as PickleGlobal. A value that the pickle recalls is
 * the same value again: what is read may share parts and even contain itself, so whoever goes through it must bound
 * the way.
 * @param field what messages call the pickle inside the file
 * @throws InputError naming the opcode or global that is not allowed, and the byte it stands at
 */
export function readPickle(bytes: Uint8Array, host: PickleHost, source: string, field: string): unknown {
  return new Unpickler(bytes, host, source, field).read();
}

class Unpickler {
  readonly #cursor: ByteCursor;
  readonly #host: PickleHost;
  readonly #source: string;
  readonly #field: string;
  /** Where the running opcode stands. */
  #start = 0;
  readonly #stack: unknown[] = [];
  /** Heights of the stack at its marks. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();

  constructor(bytes: Uint8Array, host: PickleHost, source: string, field: string) {
    const hint = "ends early: the file is truncated; copy it again";
    this.#cursor = new ByteCursor(bytes, () => new InputError(source, field, hint));
    this.#host = host;
    this.#source = source;
    this.#field = field;
  }

  read(): unknown {
    for (let run = 0; ; run++) {
      this.#start = this.#cursor.at;
      const opcode = this.#cursor.uint8();
      if (opcode === OP.STOP) break;
      if (run === MOST_OPCODES) throw this.#fault(`opcode ${run}`, `is one more than ${MOST_OPCODES}`);
      this.#run(opcode);
    }
    const value = this.#pop();
    if (this.#stack.length > 0 || !this.#cursor.atEnd) throw this.#malformed();
    return value;
  }

  #run(opcode: number): void {
    const stack = this.#stack;
    const cursor = this.#cursor;
    switch (opcode) {
      case OP.PROTO: {
        const protocol = cursor.uint8();
        if (protocol !== PROTOCOL) throw this.#fault(`protocol ${protocol}`, `is not ${PROTOCOL}`);
        return;
      }
      case OP.MARK:
        this.#marks.push(stack.length);
        return;
      case OP.NONE:
        stack.push(null);
        return;
      case OP.NEWTRUE:
        stack.push(true);
        return;
      case OP.NEWFALSE:
        stack.push(false);
        return;
      case OP.BININT1:
        stack.push(cursor.uint8());
        return;
      case OP.BININT2:
        stack.push(cursor.uint16());
        return;
      case OP.BININT:
        stack.push(cursor.int32());
        return;
      case OP.LONG1:
        stack.push(this.#long(cursor.uint8()));
        return;
      case OP.BINFLOAT:
        stack.push(cursor.float64BigEndian());
        return;
      case OP.BINUNICODE:
        stack.push(decode(cursor.bytes(cursor.uint32())));
        return;
      case OP.EMPTY_LIST:
      case OP.EMPTY_TUPLE:
        stack.push([]);
        return;
      case OP.EMPTY_DICT:
        stack.push(new Map());
        return;
      case OP.TUPLE:
        stack.push(this.#popToMark());
        return;
      case OP.TUPLE1:
      case OP.TUPLE2:
      case OP.TUPLE3: {
        const size = opcode - OP.TUPLE1 + 1;
        if (stack.length - this.#floor() < size) throw this.#malformed();
        stack.push(stack.splice(stack.length - size));
        return;
      }
      case OP.APPEND:
        this.#append([this.#pop()]);
        return;
      case OP.APPENDS:
        this.#append(this.#popToMark());
        return;
      case OP.SETITEM: {
        const value = this.#pop();
        this.#setItems([this.#pop(), value]);
        return;
      }
      case OP.SETITEMS:
        this.#setItems(this.#popToMark());
        return;
      case OP.BINPUT:
        this.#memo.set(cursor.uint8(), this.#top());
        return;
      case OP.LONG_BINPUT:
        this.#memo.set(cursor.uint32(), this.#top());
        return;
      case OP.BINGET:
        stack.push(this.#recall(cursor.uint8()));
        return;
      case OP.LONG_BINGET:
        stack.push(this.#recall(cursor.uint32()));
        return;
      case OP.GLOBAL:
        stack.push(this.#global());
        return;
      case OP.REDUCE:
        stack.push(this.#reduce());
        return;
      case OP.BINPERSID: {
        const value = this.#host.load(this.#pop());
        if (value === undefined) throw this.#malformed();
        stack.push(value);
        return;
      }
      default:
        throw this.#fault(`opcode 0x${opcode.toString(16).padStart(2, "0")}`, "is not allowed");
    }
  }

  /** A signed little-endian integer; larger ones than 64 bits are none of a tensor's. */
  #long(count: number): number {
    if (count > 8) throw this.#malformed();
    const bytes = this.#cursor.bytes(count);
    let value = count > 0 && bytes[count - 1] >= 0x80 ? -1 : 0;
    for (let i = count - 1; i >= 0; i--) value = value * 256 + bytes[i];
    return value;
  }

  #global(): PickleGlobal {
    const name = `${decode(this.#cursor.line())}.${decode(this.#cursor.line())}`.replaceAll(/[^\w.]/g, "?");
    if (!this.#host.globals.has(name)) throw this.#fault(`global ${name}`, "is not allowed");
    return new PickleGlobal(name);
  }

  #reduce(): unknown {
    const args = this.#pop();
    const callee = this.#pop();
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args)) throw this.#malformed();
    const value = this.#host.call(callee.name, args);
    if (value === undefined) throw this.#fault(`call of ${callee.name}`, "is not as torch writes it");
    return value;
  }

  #append(items: readonly unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw this.#malformed();
    for (const item of items) list.push(item);
  }

  /** @param items keys and values by turns */
  #setItems(items: readonly unknown[]): void {
    const dictionary = this.#top();
    if (!(dictionary instanceof Map) || items.length % 2 !== 0) throw this.#malformed();
    for (let i = 0; i < items.length; i += 2) dictionary.set(items[i], items[i + 1]);
  }

  #recall(index: number): unknown {
    if (!this.#memo.has(index)) throw this.#malformed();
    return this.#memo.get(index);
  }

  /** What lies below the last mark is out of reach. */
  #floor(): number {
    return this.#marks.at(-1) ?? 0;
  }

  #top(): unknown {
    if (this.#stack.length <= this.#floor()) throw this.#malformed();
    return this.#stack.at(-1);
  }

  #pop(): unknown {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popToMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.#malformed();
    return this.#stack.splice(mark);
  }

  #malformed(): InputError {
    return this.#fault("pickle", "is not well-formed");
  }

  #fault(what: string, how: string): InputError {
    const at = `${this.#field} ${what} at byte ${this.#start}`;
    return new InputError(
      this.#source,
      at,
      `${how}; expected plain data and tensors as torch.save writes them`,
    );
  }
}

function decode(text: Uint8Array): string {
  return TEXT.decode(text);
}
