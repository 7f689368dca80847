import { UsageError } from '../../errors.js';
import { decodeModel, type ModelProto } from '../onnx/schema.js';
import type { SessionOptions } from '../session.js';
import {
  answersOf,
  type Calibrated,
  calibrate,
  type LayerError,
  layerErrors,
  lowered,
  relativeError,
  roundings,
} from './calibrate.js';
import { type Views, viewsFrom } from './probe.js';
import type { Quantised } from './qdq.js';
import { METHODS } from './ranges.js';

/** Pictures by which it is seen what int8 costs. */
export interface Judged extends Views {
  /** Their classes. Without them only what is expected is known. */
  readonly labels?: Int32Array;
}

export interface LowerOptions extends SessionOptions {
  /** Pictures of which the ranges of values are taken. */
  readonly calibration: Views;
  /** Others, by which the method is chosen and errors are measured. */
  readonly heldOut: Views;
  readonly judged: Judged;
  /** Layers that hurt are left in float32 until none of these is more. */
  readonly limits: Limits;
  readonly onNote: (text: string) => void;
}

/** What int8 may cost. */
export interface Limits {
  /** Lost top-1 on `judged`, as a share: 0.005. Of those without labels it is what is expected. */
  readonly lost: number;
  /** Upper end of the 95 % interval of `expectedLoss` on `judged`. A count of lost pictures says less: few change, and some of them to the better. */
  readonly expected: number;
  /**
   * Mean squared error of the answer on `heldOut` over its mean square: few judged pictures hide a network that is far off, of which some get
   * better by chance.
   */
  readonly error: number;
}

/** A network in int8, and how it came about. */
export interface Lowered {
  readonly model: ModelProto;
  readonly method: Calibrated['method'];
  readonly methodErrors: Calibrated['errors'];
  /** Of all layers that int8 arithmetic is known for, and those of them that were left in float32, in the order of the network. */
  readonly layers: number;
  readonly float: readonly string[];
  /** What it costs with all layers in int8, and as it is; less than nothing is lost where int8 is better. */
  readonly costOfAll: Limits;
  readonly cost: Limits;
  /** In the order of the network. */
  readonly errors: readonly LayerError[];
}

/** So many pictures say how far a layer is off. */
const ERROR_PICTURES = 16;
const ANSWER = 'logits';

/** The network of an exported classifier in int8. @param file float32, as `exportOnnx` writes it */
export async function lower(file: Uint8Array, options: LowerOptions): Promise<Lowered> {
  const { calibration, heldOut, judged, limits, onNote, threads } = options;
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
    `error of the answer: ${METHODS.map((one) => `${one} ${percent(methodErrors[one])}`).join(', ')}; ${method} is taken`,
  );

  const wanted = await answersOf(model, ANSWER, judged, session);
  const costOf = async ({ model }: Quantised): Promise<Limits> => {
    const given = await answersOf(model, ANSWER, judged, session);
    const { loss, high } = expectedLoss(wanted, given, judged.n);
    const { n, labels } = judged;
    return {
      lost: labels === undefined ? loss : lost(classesOf(wanted, n), classesOf(given, n), labels),
      expected: high,
      error: relativeError(calibrated.wanted, await answersOf(model, ANSWER, heldOut, session)),
    };
  };
  const good = (cost: Limits): boolean =>
    cost.lost <= limits.lost && cost.expected <= limits.expected && cost.error <= limits.error;
  let quantised = lowered(calibrated);
  const costOfAll = await costOf(quantised);
  const some = viewsFrom(heldOut, 0, ERROR_PICTURES);
  let errors = await layerErrors(calibrated, quantised, some, session);
  let cost = costOfAll;
  if (!good(cost)) {
    onNote(
      `int8 costs ${costText(cost)} (${judged.n} pictures); allowed are ${costText(limits)}: looking for the layers that hurt`,
    );
    const worst = await roundings(calibrated, { views: some, answer: ANSWER }, session, (done, of) => {
      if (done % 20 === 0) onNote(`${done} of ${of} tensors`);
    });
    const without = (count: number): typeof quantised =>
      lowered(calibrated, new Set(worst.slice(0, count).flatMap(({ around }) => around)));
    const costs = new Map<number, Limits>();
    const count = await fewest(worst.length, async (count) => {
      const tried = without(count);
      const now = await costOf(tried);
      costs.set(count, now);
      onNote(`with ${tried.float.length} of ${layers.length} layers in float32 it costs ${costText(now)}`);
      return good(now);
    });
    quantised = without(count);
    cost = costs.get(count)!;
    const alone = new Map(worst.toReversed().map((error) => [error.layer, error.alone]));
    const known = new Map(errors.map((error) => [error.layer, error]));
    errors = layers
      .filter(({ name }) => known.has(name) || alone.has(name))
      .map(({ name }) => ({ ...known.get(name), layer: name, ...(alone.has(name) && { alone: alone.get(name)! }) }));
  }
  const { float } = quantised;
  return { model: quantised.model, method, methodErrors, layers: layers.length, float, costOfAll, cost, errors };
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

/** Lost top-1 as a share. */
function lost(before: Int32Array, after: Int32Array, labels: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < before.length; i++) sum += Number(before[i] === labels[i]) - Number(after[i] === labels[i]);
  return sum / before.length;
}

/**
 * Top-1 that is lost on average where the probabilities p of the float32 network are right, as a share, and the upper end of its 95 % interval:
 *
 *     mean_i (p_i[a_i] - p_i[b_i])     a_i: the class in float32, b_i: in int8
 *
 * Labels are the drawing of a coin for each picture that changes; this is its mean, a fifth as uncertain on as many pictures, and never below 0.
 * @param wanted logits of the float32 network [n, K] @param given those in int8
 */
export function expectedLoss(wanted: Float32Array, given: Float32Array, n: number): { loss: number; high: number } {
  const width = wanted.length / n;
  const [before, after] = [classesOf(wanted, n), classesOf(given, n)];
  let [sum, squares] = [0, 0];
  for (let i = 0; i < n; i++) {
    if (before[i] === after[i]) continue;
    const row = wanted.subarray(i * width, (i + 1) * width);
    const most = row[before[i]!]!;
    const all = row.reduce((total, logit) => total + Math.exp(logit - most), 0);
    const lost = (1 - Math.exp(row[after[i]!]! - most)) / all;
    sum += lost;
    squares += lost * lost;
  }
  const loss = sum / n;
  return { loss, high: loss + z95 * Math.sqrt(Math.max(0, squares / n - loss * loss) / n) };
}

/** Of the standard normal distribution, two-sided. */
const z95 = 1.96;

const costText = ({ lost, expected, error }: Limits): string =>
  `${points(lost)} points of top-1, at most ${points(expected)} expected, and an error of the answer of ${percent(error)}`;
const points = (share: number): string => (100 * share).toFixed(2);
const percent = (share: number): string => `${(100 * share).toPrecision(2)} %`;
