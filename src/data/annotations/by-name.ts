import { UsageError } from '../../errors.js';
import { listed, plural } from '../../suggest.js';
import { openSource, type Source, type SourceSpec } from '../sources/source.js';
import { type BoxTable, type MaskTable, shared } from '../sources/truth.js';
import { IGNORED } from './files/map-file.js';

/**
 * Pictures with boxes or masks as weights know their classes: matched by name, whatever the order, and of some of them alone. What shows
 * another class is not asked for.
 * @param names of the weights' classes
 * @throws UsageError where the weights know none of the classes
 */
export function byClassName(
  source: Source,
  names: readonly string[],
  { weights, data }: { weights: string; data: string },
): { val: Source; notes: string[] } | undefined {
  const { spec, classes } = source;
  if (spec.kind !== 'files' || spec.truth === undefined || spec.truth.kind === 'depth') return undefined;
  const index = classes.map((name) => names.indexOf(name));
  const boxes = spec.truth.kind === 'boxes' ? spec.truth : undefined;
  const what = boxes === undefined ? 'masks' : 'boxes';
  if (index.every((own) => own < 0))
    throw new UsageError(
      `Expected ${what} of the classes that ${weights} knows (${listed(names)}) but ${data} has ${listed(classes)}. ` +
        'They are matched by name: give other data, or rename its classes.',
    );
  const counts = boxes && countBoxes(boxes, spec.ids, classes.length);
  const unknown = classes.filter((_, i) => index[i]! < 0 && counts?.[i] !== 0);
  const absent = names.filter((name) => !classes.includes(name) || counts?.[classes.indexOf(name)] === 0);
  const notes: string[] = [];
  if (unknown.length > 0) {
    const lost = counts?.reduce((sum, count, i) => (index[i]! < 0 ? sum + count : sum), 0);
    notes.push(
      `the model does not know ${listed(unknown)} of ${data}: ` +
        (lost === undefined
          ? 'those pixels are not asked for'
          : `${plural(lost, 'box', 'boxes')} of ${unknown.length === 1 ? 'it' : 'them'} not asked for`),
    );
  }
  if (absent.length > 0)
    notes.push(
      `the model knows ${plural(names.length, 'class', 'classes')}; there are no ${what} of ${listed(absent)}`,
    );
  if (classes.join('\n') === names.join('\n')) return { val: source, notes };
  const truth = boxes === undefined ? masksAs(spec.truth as MaskTable, index) : boxesAs(boxes, index, names.length);
  return { val: openSource({ ...spec, classes: names, truth } as SourceSpec), notes };
}

function countBoxes({ starts, classes }: BoxTable, ids: Int32Array, most: number): number[] {
  const counts = new Array<number>(most).fill(0);
  for (const id of ids) for (let i = starts[id]!; i < starts[id + 1]!; i++) counts[classes[i]!]!++;
  return counts;
}

function boxesAs(table: BoxTable, index: readonly number[], count: number): BoxTable {
  const kept: number[] = [];
  const starts = [0];
  for (let id = 0; id + 1 < table.starts.length; id++) {
    for (let i = table.starts[id]!; i < table.starts[id + 1]!; i++) if (index[table.classes[i]!]! >= 0) kept.push(i);
    starts.push(kept.length);
  }
  const own = table.coco?.classes;
  return {
    ...table,
    starts: shared(Int32Array, starts),
    boxes: shared(
      Float32Array,
      kept.flatMap((i) => [...table.boxes.subarray(4 * i, 4 * i + 4)]),
    ),
    classes: shared(
      Int32Array,
      kept.map((i) => index[table.classes[i]!]!),
    ),
    flags: shared(
      Uint8Array,
      kept.map((i) => table.flags[i]!),
    ),
    areas: shared(
      Float32Array,
      kept.map((i) => table.areas[i]!),
    ),
    ...(own && {
      coco: { ...table.coco!, classes: Array.from({ length: count }, (_, k) => own[index.indexOf(k)]) },
    }),
  };
}

function masksAs(mask: MaskTable, index: readonly number[]): MaskTable {
  const as = (old: number): number => (old < index.length ? (index[old]! < 0 ? IGNORED : index[old]!) : old);
  return {
    ...mask,
    table: shared(Uint8Array, Array.from(mask.table, as)),
    ...(mask.shapes && {
      shapes: {
        ...mask.shapes,
        classes: shared(Uint8Array, Array.from(mask.shapes.classes, as)),
        background: as(mask.shapes.background),
      },
    }),
    ...(mask.colours && { colours: new Map([...mask.colours].map(([colour, old]) => [colour, as(old)])) }),
  };
}
