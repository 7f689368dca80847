/** A tuple; lists are plain arrays. */
export class Tuple {
  constructor(readonly items: readonly PickleValue[]) {}
}
/** A name that the pickle asked for, such as `torch.FloatStorage`. It is a name, never code. */
export class Global {
  constructor(readonly name: string) {}
}
/** What a persistent id stands for: data outside the pickle. */
export class Persistent {
  constructor(readonly id: PickleValue) {}
}
/** A call that the pickle asked for and the caller allows. Nothing is called: the caller reads the arguments. */
export class Call {
  constructor(
    readonly name: string,
    readonly args: readonly PickleValue[],
  ) {}
}
/**
 * What a call of any other name, or an object of any other class, would be in Python: settings of a program, numbers of
 * NumPy. Its name alone is kept.
 */
export class Foreign {
  constructor(readonly name: string) {}
}
export type Dict = Map<PickleValue, PickleValue>;
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleValue[]
  | Tuple
  | Dict
  | Global
  | Persistent
  | Call
  | Foreign;

/**
 * Names by which a pickle runs code in Python. Nothing is run here, but a file that asks for it was not made by a
 * training script, and whoever holds it had better know.
 */
const MODULES =
  'os posix nt subprocess pty socket shutil runpy importlib ctypes webbrowser commands code pdb timeit pickle _pickle marshal';
const FUNCTIONS = 'eval exec execfile compile open input __import__ globals breakpoint';
const RUNS_CODE = new RegExp(
  `^(${MODULES.replaceAll(' ', '|')})\\.|^(builtins|__builtin__)\\.(${FUNCTIONS.replaceAll(' ', '|')})$|` +
    '^torch\\.storage\\._load_from_bytes$',
);
export const runsCode = (name: string): boolean => RUNS_CODE.test(name);
