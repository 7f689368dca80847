import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { TeacherLabels, Unlabelled } from '../../../src/data/unlabelled.js';
import { type Recipe, resolveRecipe } from '../../../src/recipe/recipe.js';
import { jointObjective } from '../../../src/tasks/classify/joint.js';
import { fromTypedArray, gradients, mul, scope, type Tensor } from '../../../src/torch/index.js';
import { fixturePath, relativeError } from '../../fixtures/open.js';

interface Case {
  loss: number;
  gradient: number[];
  confident?: number;
}

const fixture = JSON.parse(readFileSync(fixturePath('joint.json'), 'utf8')) as {
  classes: number;
  labels: number[];
  smoothing: number;
  weight: number;
  temperature: number;
  confidence: number;
  logits: number[];
  teacher: number[];
  pairs: number[];
  cases: Record<'soft' | 'hard' | 'top2' | 'consistency', Case>;
};
const { classes, labels } = fixture;
const pictures = fixture.teacher.length / classes;

/** The teacher's rows as records of their k most probable classes. */
function teacherLabels(k: number): TeacherLabels {
  const [topClasses, topProbabilities, classOf] = [[] as number[], [] as number[], [] as number[]];
  for (let i = 0; i < pictures; i++) {
    const row = fixture.teacher.slice(i * classes, (i + 1) * classes);
    const order = row.map((_, c) => c).sort((a, b) => row[b]! - row[a]!);
    classOf.push(order[0]!);
    topClasses.push(...order.slice(0, k));
    topProbabilities.push(...order.slice(0, k).map((c) => row[c]!));
  }
  return {
    positions: Int32Array.from({ length: pictures }, (_, i) => i),
    copies: new Array<number>(pictures).fill(1),
    classOf: Int32Array.from(classOf),
    k,
    topClasses: Int32Array.from(topClasses),
    topProbabilities: Float32Array.from(topProbabilities),
    identity: 'teacher',
  };
}

function objectiveOf(settings: Partial<Recipe>, teacher?: TeacherLabels) {
  const recipe = {
    ...resolveRecipe('quick', 'resnet-rs-14', 28, { unlabelledRatio: 2 }).values,
    labelSmoothing: fixture.smoothing,
    unlabelledWeight: fixture.weight,
    ...settings,
  };
  const source = { length: pictures } as Unlabelled['source'];
  return jointObjective({
    recipe,
    classes,
    names: ['a', 'b', 'c', 'd', 'e', 'f', 'g'],
    labels,
    size: 1,
    seed: 0,
    device: 'cpu',
    unlabelled: { source, ...(teacher && { labels: teacher }) } as Unlabelled,
  });
}

/** The loss of a batch, computed in parts, and its gradient. */
function stepOf(objective: ReturnType<typeof objectiveOf>, logits: number[], indices: number[], cuts: number[] = []) {
  const n = indices.length;
  const batch = {
    images: new Uint8Array(3 * n),
    targets: { labels: Int32Array.from(indices, (i) => labels[i] ?? 0) },
    indices: Int32Array.from(indices),
    n,
  };
  const step = objective.begin(batch, 0, 0);
  const bounds = [0, ...cuts.map((at) => step.cut!(at)), n];
  const figures: Record<string, number> = {};
  return scope(() => {
    let loss = 0;
    const gradient: number[] = [];
    for (const [part, begin] of bounds.slice(0, -1).entries()) {
      const end = bounds[part + 1]!;
      const x = fromTypedArray(Float32Array.from(logits.slice(begin * classes, end * classes)), [end - begin, classes]);
      x.requiresGrad = true;
      const found = step.loss(x, begin, end);
      const share = (end - begin) / n;
      loss += found.loss.item() * share;
      const [own] = gradients([mul(found.loss, share)], [x]) as [Tensor];
      gradient.push(...(own.data() as Float32Array));
      for (const [name, sum] of Object.entries(found.figures)) figures[name] = (figures[name] ?? 0) + sum / n;
    }
    return { loss, gradient, figures, step };
  });
}

const close = (found: { loss: number; gradient: number[] }, expected: Case): void => {
  assert.ok(Math.abs(found.loss - expected.loss) < 1e-5 * expected.loss, `${found.loss} and ${expected.loss}`);
  assert.ok(relativeError(found.gradient, expected.gradient) < 1e-5);
};
const order = [0, 1, 2, 3, 4, 5, 6, 7];
const rowsAt = (all: number[], at: number[]): number[] => at.flatMap((i) => all.slice(i * classes, (i + 1) * classes));

test("soft and hard labels give PyTorch's loss and gradients, whole rows or the best two classes", () => {
  const { cases, logits, temperature } = fixture;
  close(stepOf(objectiveOf({ pseudoTemperature: temperature }, teacherLabels(classes)), logits, order), cases.soft);
  close(stepOf(objectiveOf({ unlabelledTargets: 'hard' }, teacherLabels(3)), logits, order), cases.hard);
  close(stepOf(objectiveOf({}, teacherLabels(2)), logits, order), cases.top2);
});

test('the order of the pictures and parts of uneven kinds change nothing', () => {
  const { cases, logits, temperature } = fixture;
  const objective = objectiveOf({ pseudoTemperature: temperature }, teacherLabels(classes));
  const mixed = [5, 0, 7, 6, 1, 3, 2, 4];
  const whole = stepOf(objective, rowsAt(logits, mixed), mixed);
  assert.ok(Math.abs(whole.loss - cases.soft.loss) < 1e-5);
  for (const cuts of [[3], [1, 5], [2, 4, 7]]) {
    const parts = stepOf(objective, rowsAt(logits, mixed), mixed, cuts);
    assert.ok(Math.abs(parts.loss - whole.loss) < 1e-5, `${cuts}`);
    assert.ok(relativeError(parts.gradient, whole.gradient) < 1e-5, `${cuts}`);
    assert.deepEqual(
      Object.entries(parts.figures).map(([name, value]) => [name, value.toFixed(5)]),
      Object.entries(whole.figures).map(([name, value]) => [name, value.toFixed(5)]),
    );
  }
});

test("consistency gives PyTorch's loss and gradients; no cut parts the two views of a picture", () => {
  const { cases, pairs, confidence } = fixture;
  const objective = objectiveOf({ unlabelledTargets: 'consistency', confidence });
  const indices = [0, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7];
  const found = stepOf(objective, pairs, indices);
  close(found, cases.consistency);
  assert.ok(Math.abs(found.figures['confident']! - cases.consistency.confident!) < 1e-6);
  // What is believed has no gradient.
  for (const k of [3, 5, 7, 9, 11])
    assert.ok(found.gradient.slice(k * classes, (k + 1) * classes).every((value) => value === 0));
  assert.deepEqual(
    [4, 5, 6, 7].map((at) => found.step.cut!(at)),
    [5, 5, 7, 7],
  );
  close(stepOf(objective, pairs, indices, [4, 8]), cases.consistency);
});

test('figures are means over their own kind: losses by hand, hits and agreement', () => {
  const teacher = teacherLabels(classes);
  const { figures, loss } = stepOf(objectiveOf({ unlabelledTargets: 'hard' }, teacher), fixture.logits, order);
  const row = (k: number): number[] => fixture.logits.slice(k * classes, (k + 1) * classes);
  const best = (values: number[]): number => values.indexOf(Math.max(...values));
  const right = labels.filter((label, k) => best(row(k)) === label).length;
  const agreed = [...teacher.classOf].filter((label, i) => best(row(3 + i)) === label).length;
  assert.ok(Math.abs(figures['top1']! - right / 3) < 1e-6);
  assert.ok(Math.abs(figures['agreement']! - agreed / 5) < 1e-6);
  assert.ok(Math.abs(figures['labelledLoss']! + fixture.weight * figures['unlabelledLoss']! - loss) < 1e-5);
  assert.equal(figures['confident'], undefined);
});

test('weights of classes are of labelled pictures alone', () => {
  const teacher = teacherLabels(classes);
  const plain = stepOf(objectiveOf({}, teacher), fixture.logits, order).figures;
  const balanced = stepOf(objectiveOf({ classWeights: 'balanced' }, teacher), fixture.logits, order).figures;
  // Three classes with a picture each: every weight is 3 / (3 x 1) = 1.
  assert.deepEqual(balanced, plain);
});

test('captions say what is learned of a picture', () => {
  const { step } = stepOf(objectiveOf({}, teacherLabels(classes)), fixture.logits, order);
  assert.equal(step.caption!(0), 'c');
  assert.match(step.caption!(3), /^teacher: \d+\u00a0% [a-g]$/);
});

test("distillation is SimCLRv2's: cooled by T on both sides, times T^2, of unlabelled pictures alone", () => {
  const { logits } = fixture;
  const T = 2;
  const recipe = { unlabelledTargets: 'distil', pseudoTemperature: T, labelledWeight: 0, unlabelledWeight: 1 } as const;
  const found = stepOf(objectiveOf(recipe, teacherLabels(classes)), logits, order);
  // Worked out here, from the definition: rows 2 to 7 are unlabelled.
  const first = labels.length;
  const n = order.length - first;
  const cooled = (row: readonly number[]): number[] => {
    const powers = row.map((value) => Math.exp(value / T));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / sum);
  };
  let loss = 0;
  const gradient = new Array<number>(logits.length).fill(0);
  for (let k = first; k < order.length; k++) {
    const q = cooled(logits.slice(k * classes, (k + 1) * classes));
    const p = cooled(fixture.teacher.slice((k - first) * classes, (k - first + 1) * classes).map(Math.log));
    for (let c = 0; c < classes; c++) {
      loss -= (T * T * p[c]! * Math.log(q[c]!)) / n;
      gradient[k * classes + c] = (T * (q[c]! - p[c]!)) / n;
    }
  }
  close(found, { loss, gradient } as Case);
  // Parts add up to the whole.
  close(stepOf(objectiveOf(recipe, teacherLabels(classes)), logits, order, [3, 6]), { loss, gradient } as Case);
});
