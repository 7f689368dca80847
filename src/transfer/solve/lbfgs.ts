/** A function to make smaller: its value at x, and its gradient, which is written into `gradient`. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

export interface MinimiseOptions {
  /** It has converged when no part of the gradient is larger. */
  tolerance: number;
  /** Iterations at most. */
  iterations: number;
  /** Steps that are remembered; default 10. */
  history?: number;
}

export interface Minimum {
  x: Float64Array;
  value: number;
  /** The largest part of the gradient there, by its size. */
  gradient: number;
  iterations: number;
  converged: boolean;
}

/** Nocedal and Wright 2006, (3.7): sufficient decrease and curvature. */
const [DECREASE, CURVATURE] = [1e-4, 0.9];
const LINE_STEPS = 25;

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};
const largest = (a: Float64Array): number => {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]!));
  return most;
};

/** A place on the line x + t p. */
interface Place {
  t: number;
  value: number;
  /** Along p. */
  slope: number;
  x: Float64Array;
  gradient: Float64Array;
}

/**
 * L-BFGS with a strong Wolfe line search (Nocedal and Wright 2006, algorithms 7.4, 7.5, 3.5 and 3.6). It ends early where rounding hides any
 * further decrease: `gradient` tells how near it came.
 */
export function minimise(objective: Objective, start: Float64Array, options: MinimiseOptions): Minimum {
  const { tolerance, iterations, history = 10 } = options;
  const n = start.length;
  const at = (x: Float64Array, t: number, p: Float64Array): Place => {
    const place = new Float64Array(n);
    for (let i = 0; i < n; i++) place[i] = x[i]! + t * p[i]!;
    const gradient = new Float64Array(n);
    const value = objective(place, gradient);
    return { t, value, slope: dot(gradient, p), x: place, gradient };
  };
  let here = at(start, 0, new Float64Array(n));
  const remembered: { s: Float64Array; y: Float64Array; rho: number }[] = [];
  let done = 0;
  while (done < iterations && largest(here.gradient) > tolerance) {
    const p = direction(here.gradient, remembered);
    here = { ...here, t: 0, slope: dot(here.gradient, p) };
    if (!(here.slope < 0)) {
      // What is remembered no longer fits: steepest descent.
      if (remembered.length === 0) break;
      remembered.length = 0;
      continue;
    }
    const first = remembered.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(here.gradient, here.gradient))) : 1;
    const from = here;
    const found = alongLine(from, first, (t) => at(from.x, t, p));
    if (found === undefined) {
      if (remembered.length === 0) break;
      remembered.length = 0;
      continue;
    }
    const [s, y] = [new Float64Array(n), new Float64Array(n)];
    for (let i = 0; i < n; i++) {
      s[i] = found.x[i]! - here.x[i]!;
      y[i] = found.gradient[i]! - here.gradient[i]!;
    }
    const curvature = dot(s, y);
    if (curvature > 1e-14 * dot(y, y)) {
      remembered.push({ s, y, rho: 1 / curvature });
      if (remembered.length > history) remembered.shift();
    }
    here = found;
    done++;
  }
  const gradient = largest(here.gradient);
  return { x: here.x, value: here.value, gradient, iterations: done, converged: gradient <= tolerance };
}

/** The two-loop recursion: -H g. */
function direction(
  gradient: Float64Array,
  remembered: readonly { s: Float64Array; y: Float64Array; rho: number }[],
): Float64Array {
  const q = gradient.map((value) => -value);
  const alphas: number[] = [];
  for (let k = remembered.length - 1; k >= 0; k--) {
    const { s, y, rho } = remembered[k]!;
    const alpha = rho * dot(s, q);
    alphas[k] = alpha;
    for (let i = 0; i < q.length; i++) q[i]! -= alpha * y[i]!;
  }
  const last = remembered.at(-1);
  if (last !== undefined) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    for (let i = 0; i < q.length; i++) q[i]! *= scale;
  }
  for (let k = 0; k < remembered.length; k++) {
    const { s, y, rho } = remembered[k]!;
    const beta = rho * dot(y, q);
    for (let i = 0; i < q.length; i++) q[i]! += (alphas[k]! - beta) * s[i]!;
  }
  return q;
}

/** @returns a place that fulfils both conditions, else one that is lower; undefined where there is none */
function alongLine(from: Place, first: number, look: (t: number) => Place): Place | undefined {
  const low = (place: Place): boolean => place.value <= from.value + DECREASE * place.t * from.slope;
  const flat = (place: Place): boolean => Math.abs(place.slope) <= -CURVATURE * from.slope;
  let before = from;
  let t = first;
  for (let k = 0; k < LINE_STEPS; k++) {
    const place = look(t);
    if (!Number.isFinite(place.value)) t = (before.t + t) / 2;
    else if (!low(place) || (k > 0 && place.value >= before.value)) return zoom(before, place);
    else if (flat(place)) return place;
    else if (place.slope >= 0) return zoom(place, before);
    else {
      before = place;
      t *= 2;
    }
  }
  return before === from ? undefined : before;

  /** Between a lower place and another; see algorithm 3.6. */
  function zoom(lower: Place, other: Place): Place | undefined {
    let [a, b] = [lower, other];
    for (let k = 0; k < LINE_STEPS; k++) {
      const place = look(between(a, b));
      if (!low(place) || place.value >= a.value) b = place;
      else {
        if (flat(place)) return place;
        if (place.slope * (b.t - a.t) >= 0) b = a;
        a = place;
      }
      if (Math.abs(b.t - a.t) * Math.abs(a.slope) < 1e-16 * Math.max(1, Math.abs(a.value))) break;
    }
    return a.t === 0 ? undefined : a;
  }
}

/** The lowest point of the cubic through both (3.59), kept off the ends by a tenth. */
function between(a: Place, b: Place): number {
  const d1 = a.slope + b.slope - (3 * (a.value - b.value)) / (a.t - b.t);
  const root = Math.sqrt(d1 * d1 - a.slope * b.slope);
  const d2 = Math.sign(b.t - a.t) * root;
  const t = b.t - ((b.t - a.t) * (b.slope + d2 - d1)) / (b.slope - a.slope + 2 * d2);
  const [least, most] = [Math.min(a.t, b.t), Math.max(a.t, b.t)];
  const room = 0.1 * (most - least);
  return Number.isFinite(t) ? Math.min(most - room, Math.max(least + room, t)) : (a.t + b.t) / 2;
}
