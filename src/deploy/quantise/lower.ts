import { UsageError } from '../../errors.js';
import { decodeModel, type ModelProto } from '../onnx/schema.js';
import type { SessionOptions } from '../session.js';
import {
  aloneErrors,
  answersOf,
  type Calibrated,
  calibrate,
  type LayerError,
  layerErrors,
  lowered,
} from './calibrate.js';
import { type Views, viewsFrom } from './probe.js';
import type { Quantised } from './qdq.js';
import { METHODS } from './ranges.js';

/** Pictures by which it is seen what int8 costs. */
export interface Judged extends Views {
  /** Their classes. Without them each picture that gets another class than in float32 counts as lost. */
  readonly labels?: Int32Array;
}

export interface LowerOptions extends SessionOptions {
  /** Pictures of which the ranges of values are taken. */
  readonly calibration: Views;
  /** Others, by which the method is chosen and errors are measured. */
  readonly heldOut: Views;
  readonly judged: Judged;
  /** The most top-1 that may be lost on `judged`, as a share: 0.005. Layers that hurt are left in float32 until it is no more. */
  readonly limit: number;
  readonly onNote: (text: string) => void;
}

/** A network in int8, and how it came about. */
export interface Lowered {
  readonly model: ModelProto;
  readonly method: Calibrated['method'];
  readonly methodErrors: Calibrated['errors'];
  /** Of all layers that int8 arithmetic is known for, and those of them that were left in float32, the worst first. */
  readonly layers: number;
  readonly float: readonly string[];
  /** Lost top-1 on `judged`, before and after; negative where int8 is better. */
  readonly lossAll: number;
  readonly loss: number;
  /** In the order of the network. */
  readonly errors: readonly LayerError[];
}

/** So many pictures say how far a layer is off. */
const ERROR_PICTURES = 16;
const ANSWER = 'logits';

/** The network of an exported classifier in int8. @param file float32, as `exportOnnx` writes it */
export async function lower(file: Uint8Array, options: LowerOptions): Promise<Lowered> {
  const { calibration, heldOut, judged, limit, onNote, threads } = options;
  const session = threads === undefined ? {} : { threads };
  const model = decodeModel(file);
  if (!model.graph.output.some(({ name, type }) => name === ANSWER && type.tensorType.shape?.dim.length === 2))
    throw new UsageError(
      'Expected a classifier to put into int8: other tasks are exported in float32 or with --float16.',
    );
  onNote(`calibrating on ${calibration.n} pictures, ${heldOut.n} others choose the method`);
  const calibrated = await calibrate(model, { views: calibration, heldOut, answer: ANSWER }, session);
  const { method, errors: methodErrors, layers } = calibrated;
  onNote(
    METHODS.map((one) => `${one} ${percent(methodErrors[one])}`).join(', ') +
      ` error of the answer: ${method} is taken`,
  );

  const wanted = classesOf(await answersOf(model, ANSWER, judged, session), judged.n);
  const lossOf = async ({ model }: Quantised): Promise<number> =>
    lost(wanted, classesOf(await answersOf(model, ANSWER, judged, session), judged.n), judged.labels);
  let quantised = lowered(calibrated);
  const lossAll = await lossOf(quantised);
  const some = viewsFrom(heldOut, 0, ERROR_PICTURES);
  let errors = await layerErrors(calibrated, quantised, some, session);
  let [loss, float]: [number, string[]] = [lossAll, []];
  if (loss > limit) {
    onNote(
      `int8 loses ${points(loss)} points on ${judged.n} pictures, more than ${points(limit)}: looking for the layers that hurt`,
    );
    const worst = await aloneErrors(calibrated, { views: some, answer: ANSWER }, session, (done, of) => {
      if (done % 20 === 0) onNote(`${done} of ${of} layers`);
    });
    const order = worst.map(({ layer }) => layer);
    const tried = new Map<number, { loss: number; quantised: Quantised }>();
    const good = async (count: number): Promise<boolean> => {
      const without = lowered(calibrated, new Set(order.slice(0, count)));
      const now = await lossOf(without);
      tried.set(count, { loss: now, quantised: without });
      onNote(`with ${count} of ${layers.length} layers in float32 it loses ${points(now)} points`);
      return now <= limit;
    };
    const count = await fewest(order.length, good);
    ({ loss, quantised } = tried.get(count)!);
    float = order.slice(0, count);
    const alone = new Map(worst.map(({ layer, alone }) => [layer, alone]));
    errors = layers.flatMap(({ name: layer }) => {
      const known = errors.find((error) => error.layer === layer);
      return known === undefined && !alone.has(layer) ? [] : [{ ...known, layer, alone: alone.get(layer) }];
    }) as LayerError[];
  }
  return { model: quantised.model, method, methodErrors, layers: layers.length, float, lossAll, loss, errors };
}

/** The least count from 1 to `most` that is good, as far as doubling and halving find it; `most` is taken to be good. */
export async function fewest(most: number, good: (count: number) => Promise<boolean>): Promise<number> {
  let [bad, count] = [0, 1];
  while (!(await good(count)) && count < most) [bad, count] = [count, Math.min(most, 2 * count)];
  let least = count;
  while (least - bad > 1) {
    const middle = (bad + least) >> 1;
    if (await good(middle)) least = middle;
    else bad = middle;
  }
  return least;
}

/** The class of each row of [n, K]; of equal ones the first. */
export function classesOf(answers: Float32Array, n: number): Int32Array {
  const width = answers.length / n;
  return Int32Array.from({ length: n }, (_, i) => {
    let best = 0;
    for (let k = 1; k < width; k++) if (answers[i * width + k]! > answers[i * width + best]!) best = k;
    return best;
  });
}

/** Lost top-1 as a share; without labels the share of pictures that get another class. */
function lost(before: Int32Array, after: Int32Array, labels: Int32Array | undefined): number {
  let sum = 0;
  for (let i = 0; i < before.length; i++)
    if (labels === undefined) sum += Number(before[i] !== after[i]);
    else sum += Number(before[i] === labels[i]) - Number(after[i] === labels[i]);
  return sum / before.length;
}

const points = (share: number): string => (100 * share).toFixed(2);
const percent = (share: number): string => `${(100 * share).toPrecision(2)} %`;
