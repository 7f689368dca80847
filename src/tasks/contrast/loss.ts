import { UsageError } from '../../errors.js';
import { call, detach, div, matmul, mean, mul, noGrad, softmax, sub, sum, type Tensor, to } from '../../torch/index.js';

export interface NtXentOptions {
  /** Cosines are divided by it. */
  temperature: number;
  /**
   * `mean` over the 2n views, as the paper has it; `sum-of-views`: mean over the first views plus mean over the second
   * ones, twice as much, as google-research/simclr objective.py has it. LARS is blind to the difference, SGD is not.
   */
  reduction: 'mean' | 'sum-of-views';
}

/** Views of more pictures than those at hand: the same rows, brought to length 1, among those of other ranks. */
export interface Among {
  all(unit: Tensor): Tensor;
  /** Place of the first of these rows. */
  from: number;
}

/** How far views are told apart; all but the loss come from the same similarities. */
export interface ContrastFigures {
  /** Share of views whose most similar other view is their partner. */
  accuracy: number;
  /** Mean cosine of partners. */
  positive: number;
  /** Mean cosine of views of different pictures. */
  negative: number;
}

export interface ContrastLoss {
  loss: Tensor;
  /** Reads from the device once. To be called where the loss's tensors still live: in the scope of the step. */
  figures(): ContrastFigures;
}

/**
 * Loss of views z [2n, d] of n pictures, rows 2k and 2k + 1 being the two of picture k: of each view the cross-entropy
 * of finding its partner among the 2n - 1 others, by cosine/temperature (NT-Xent; arXiv 2002.05709, equation 1 and
 * algorithm 1). Starts at about ln(2n - 1); staying there says that all views look alike, or that rows are in another
 * order. In float32, whatever z is in.
 * @param among the views that these are some of; default: these alone. The loss is then the mean over these, each told from all the others
 * @throws RangeError for less than two pictures: there would be nothing to tell a picture from
 */
export function ntXent(z: Tensor, { temperature, reduction }: NtXentOptions, among?: Among): ContrastLoss {
  const [rows = 0] = z.shape;
  checkTemperature(temperature);
  if (among === undefined) checkViews(z);
  const unit = normalised(z);
  const { device } = unit;
  const all = among === undefined ? unit : among.all(unit);
  const [total] = checkViews(all);
  const cosines = matmul(unit, call('aten::t', [all]));
  const places = call<Tensor>('aten::arange.start', [among?.from ?? 0, (among?.from ?? 0) + rows], {
    dtype: 'int64',
    device,
  });
  const own = call<Tensor>('aten::unsqueeze', [places, 1]);
  const itself = call<Tensor>('aten::eq.Tensor', [own, call('aten::arange', [total], { dtype: 'int64', device })]);
  const logits = div(cosines, temperature);
  const others = call<Tensor>('aten::masked_fill.Scalar', [logits, itself, Number.NEGATIVE_INFINITY]);
  // Row of the other view of each row's picture: 1, 0, 3, 2, ...
  const partners = call<Tensor>('aten::bitwise_xor.Scalar', [places, 1]);
  const average = call<Tensor>('aten::cross_entropy_loss', [others, partners]);
  return {
    loss: reduction === 'mean' ? average : mul(average, 2),
    figures: () => noGrad(() => contrastFigures(detach(cosines), detach(others), own, partners)),
  };
}

function contrastFigures(cosines: Tensor, others: Tensor, itself: Tensor, partners: Tensor): ContrastFigures {
  const [rows, total] = cosines.shape as [number, number];
  const found = call<Tensor>('aten::eq.Tensor', [call('aten::argmax', [others, 1]), partners]);
  const positives = call<Tensor>('aten::gather', [cosines, 1, call('aten::unsqueeze', [partners, 1])]);
  // A view with itself has the cosine 1 but for rounding, so that what is on the diagonal is taken from it.
  const own = call<Tensor>('aten::gather', [cosines, 1, itself]);
  const sums = [to(sum(found), { dtype: 'float32' }), sum(positives), sum(cosines), sum(own)];
  const [hits, together, all, diagonal] = [...(call<Tensor>('aten::stack', [sums]).data() as Float32Array)] as [
    ...[number, number, number, number],
  ];
  return {
    accuracy: hits / rows,
    positive: together / rows,
    negative: (all - diagonal - together) / (rows * (total - 2)),
  };
}

/**
 * Mean squared distance of partners, z brought to length 1: 0 where both views of a picture give the same. Wang and
 * Isola 2020, arXiv 2005.10242, equation 1 with alpha = 2.
 * @param z [2n, d], rows 2k and 2k + 1 of picture k
 */
export function alignment(z: Tensor): Tensor {
  const [first, second] = viewsOf(normalised(z));
  const apart = sub(first, second);
  return mean(call('aten::sum.dim_IntList', [mul(apart, apart), [1]]));
}

/**
 * ln of the mean of exp(-2 d^2), d being the distance of two rows brought to length 1, over all pairs of different rows:
 * 0 where all are alike, lower the more evenly they lie. Wang and Isola 2020, arXiv 2005.10242, equation 2 with t = 2,
 * where the rows are of different pictures: of both views take `viewsOf(z)` one by one.
 * @param z [m, d]
 */
export function uniformity(z: Tensor): Tensor {
  const unit = normalised(z);
  const rows = leastRows(z, 2);
  // d^2 = 2 - 2 cos, so that exp(-2 d^2) = exp(4 cos - 4).
  const exponents = mul(matmul(unit, call('aten::t', [unit])), 4);
  const itself = call<Tensor>('aten::eye', [rows], { dtype: 'bool', device: unit.device });
  const others = call<Tensor>('aten::masked_fill.Scalar', [exponents, itself, Number.NEGATIVE_INFINITY]);
  return sub(call('aten::logsumexp', [others, [0, 1]]), 4 + Math.log(rows * (rows - 1)));
}

/**
 * Mean over the dimensions of the deviation (of a sample) of rows brought to length 1: about 1/sqrt(d) where they are
 * spread over the sphere, 0 where all are alike (collapse). Chen and He 2021, arXiv 2011.10566, section 4.1.
 * @param z [m, d]
 */
export function spread(z: Tensor): Tensor {
  leastRows(z, 2);
  return mean(call('aten::std.correction', [normalised(z), [0]], { correction: 1 }));
}

/** The first views and the second ones, [n, d] each, of rows 2k and 2k + 1. */
export function viewsOf(z: Tensor): [Tensor, Tensor] {
  checkViews(z);
  const every = (from: number): Tensor => call('aten::slice.Tensor', [z, 0, from, null, 2]);
  return [every(0), every(1)];
}

/**
 * T^2 times the cross-entropy of softmax(student/T) against what the teacher says: softmax(teacher/T), or of a teacher's
 * probabilities p^(1/T) brought to the sum 1, which is the same. The mean over the pictures. T^2 keeps gradients as
 * large as at T = 1. No gradient reaches the teacher. Hinton et al. 2015, arXiv 1503.02531; google-research/simclr
 * colabs/distillation_self_training.ipynb.
 * @param student logits [n, K]
 * @param teacher logits [n, K], or probabilities
 */
export function distillationLoss(
  student: Tensor,
  teacher: Tensor,
  temperature: number,
  kind: 'logits' | 'probabilities' = 'logits',
): Tensor {
  checkTemperature(temperature);
  if (student.shape.length !== 2 || student.shape.join() !== teacher.shape.join())
    throw new RangeError(
      `Expected student and teacher of one shape [n, K] but received [${student.shape.join(', ')}] and ` +
        `[${teacher.shape.join(', ')}].`,
    );
  const told = noGrad(() => {
    const given = float(detach(teacher));
    return softmax(div(kind === 'logits' ? given : call('aten::log', [given]), temperature));
  });
  const each = call<Tensor>('aten::cross_entropy_loss', [div(float(student), temperature), told]);
  return mul(each, temperature ** 2);
}

/** Least square of a length by which a row is divided: TensorFlow's l2_normalize, so that a row of zeros stays. */
const LEAST_SQUARE = 1e-12;

/** Rows brought to length 1, in float32. */
function normalised(z: Tensor): Tensor {
  const x = float(z);
  const squares = call<Tensor>('aten::sum.dim_IntList', [mul(x, x), [1], true]);
  return mul(x, call<Tensor>('aten::rsqrt', [call('aten::clamp_min', [squares, LEAST_SQUARE])]));
}

const float = (x: Tensor): Tensor => (x.dtype === 'float32' ? x : to(x, { dtype: 'float32' }));

function checkViews({ shape }: Tensor): readonly [rows: number] {
  const [rows = 0] = shape;
  if (shape.length !== 2 || rows % 2 !== 0 || rows < 4)
    throw new RangeError(
      `Expected two views of each of two pictures or more, [2n, d], but received [${shape.join(', ')}].`,
    );
  return [rows];
}

function leastRows({ shape }: Tensor, least: number): number {
  const [rows = 0] = shape;
  if (shape.length !== 2 || rows < least)
    throw new RangeError(`Expected ${least} rows or more, [m, d], but received [${shape.join(', ')}].`);
  return rows;
}

function checkTemperature(temperature: number): void {
  if (!(temperature > 0 && Number.isFinite(temperature)))
    throw new UsageError(`Expected a temperature above 0 but received ${temperature}.`);
}
