import { COLOUR_SIDE, SIDE, type Thumbs } from './thumbs.js';

/**
 * How one picture lies on another: point x of B, in pixels of a thumbnail, shows what A shows at x + shift + stretch c,
 * where c goes from -1 at one edge to 1 at the other; and B's brightness is gain times A's plus a constant. A crop of 5 %
 * at one side of 32 pixels has stretch and shift of 0.8.
 */
export interface Alignment {
  stretchX: number;
  shiftX: number;
  stretchY: number;
  shiftY: number;
}

/** How alike two pictures are where they overlap, once aligned. Levels are of 255. */
export interface Likeness {
  alignment: Alignment;
  /** Of brightness, -1 to 1. */
  correlation: number;
  /** B's contrast to A's. */
  gain: number;
  /** Difference of the mean brightness, in levels. */
  shade: number;
  /** Of what is finer than 5 pixels: root mean square of the difference, and of the picture with less of it, in levels. */
  detailDifference: number;
  detail: number;
  /** Mean absolute difference of Cb and Cr, in levels. */
  colour: number;
}

/** The largest crop that is looked for, as stretch or shift at full size: 12 % of a side. */
const MOST = 2;
/** Of B's pixels, at least so many must lie on A. */
const OVERLAP = 0.7;
const HALF = SIDE / 2;
const PARAMETERS = 6;

/** So much an alignment may gain from its best beginning: of 1,500 copies, cropped by up to 5 % a border, none began below 0.85. */
const BEGINNING = 0.1;

/** Beginnings at half size: as it is, and crops of 5 % and 10 % of one or the other, in the middle and at the corners. */
const STARTS: readonly (readonly [number, number, number, number])[] = [
  [0, 0, 0, 0],
  ...[-0.4, 0.4, -0.8, 0.8].flatMap((size) =>
    [
      [0, 0],
      [-1, -1],
      [-1, 1],
      [1, -1],
      [1, 1],
    ].map(([x, y]) => [size, size * x!, size, size * y!] as const),
  ),
];

/**
 * Aligns pictures by least squares on their brightness (Lucas and Kanade 1981, with a stretch and a shift in each
 * direction, gain and offset), from half size to full. Its arrays are used again from pair to pair.
 */
export class Aligner {
  readonly #thumbs: Thumbs;
  readonly #a = new Float32Array(SIDE * SIDE);
  readonly #b = new Float32Array(SIDE * SIDE);
  readonly #smallA = new Float32Array(HALF * HALF);
  readonly #smallB = new Float32Array(HALF * HALF);
  readonly #warped = new Float32Array(SIDE * SIDE);
  readonly #inside = new Uint8Array(SIDE * SIDE);
  readonly #normal = new Float64Array(PARAMETERS * (PARAMETERS + 1));
  readonly #row = new Float64Array(PARAMETERS);
  /** The picture that #a, #smallA and #begun are of. */
  #taken = -1;
  /** At each beginning what of A lies on B, at half size; undefined where that is too little. */
  #begun: (Begun | undefined)[] = [];

  constructor(thumbs: Thumbs) {
    this.#thumbs = thumbs;
  }

  /**
   * Quicker where i is that of the call before: what is made of it alone is kept.
   * @param mirrored compares i with the mirror image of j
   * @param least correlation at half size, below which nothing more is tried
   */
  compare(i: number, j: number, mirrored: boolean, least: number): Likeness | undefined {
    this.#take(i, j, mirrored);
    let best = STARTS[0]!;
    let most = -1;
    for (const [k, start] of STARTS.entries()) {
      const begun = this.#begun[k];
      const found = begun === undefined ? -1 : correlationOf(begun, this.#smallB);
      if (found > most) [most, best] = [found, start];
    }
    if (most < least - BEGINNING) return undefined;
    let at = this.#refine(this.#smallA, this.#smallB, HALF, best, 6);
    if (this.#correlation(this.#smallA, this.#smallB, HALF, at) < least) return undefined;
    at = this.#refine(this.#a, this.#b, SIDE, at.map((value) => 2 * value) as unknown as Four, 8);
    return this.#likeness(i, j, mirrored, at);
  }

  /** Brightness of both, and at half size. */
  #take(i: number, j: number, mirrored: boolean): void {
    const b = this.#thumbs.lumaOf(j);
    for (let y = 0, p = 0; y < SIDE; y++)
      for (let x = 0; x < SIDE; x++, p++) this.#b[p] = b[mirrored ? y * SIDE + SIDE - 1 - x : p]!;
    halve(this.#b, this.#smallB);
    if (i === this.#taken) return;
    this.#taken = i;
    this.#a.set(this.#thumbs.lumaOf(i));
    halve(this.#a, this.#smallA);
    this.#begun = STARTS.map((start) => this.#begin(start));
  }

  #begin(start: Four): Begun | undefined {
    const count = this.#warp(this.#smallA, HALF, start);
    if (count < OVERLAP * HALF * HALF) return undefined;
    const begun: Begun = { places: new Uint16Array(count), values: new Float32Array(count), sum: 0, squares: 0 };
    for (let p = 0, k = 0; p < HALF * HALF; p++) {
      if (this.#inside[p] === 0) continue;
      const value = this.#warped[p]!;
      begun.places[k] = p;
      begun.values[k++] = value;
      begun.sum += value;
      begun.squares += value * value;
    }
    return begun;
  }

  /** A seen as B sees it; marks what lies on A. @returns how much of it */
  #warp(a: Float32Array, side: number, [stretchX, shiftX, stretchY, shiftY]: Four): number {
    let count = 0;
    for (let y = 0, p = 0; y < side; y++) {
      const v = y + shiftY + stretchY * centred(y, side);
      for (let x = 0; x < side; x++, p++) {
        const u = x + shiftX + stretchX * centred(x, side);
        this.#inside[p] = 0;
        if (!onPicture(u, side) || !onPicture(v, side)) continue;
        this.#inside[p] = 1;
        count++;
        const [column, row] = [cell(u, side), cell(v, side)];
        const [fx, fy] = [part(u, column), part(v, row)];
        const q = row * side + column;
        this.#warped[p] =
          (1 - fy) * ((1 - fx) * a[q]! + fx * a[q + 1]!) + fy * ((1 - fx) * a[q + side]! + fx * a[q + side + 1]!);
      }
    }
    return count;
  }

  #correlation(a: Float32Array, b: Float32Array, side: number, at: Four): number {
    const count = this.#warp(a, side, at);
    if (count < OVERLAP * side * side) return -1;
    return this.#moments(b, side * side).correlation;
  }

  #moments(b: Float32Array, length: number): { correlation: number; gain: number; shade: number } {
    let [n, sa, sb, saa, sbb, sab] = [0, 0, 0, 0, 0, 0];
    for (let p = 0; p < length; p++) {
      if (this.#inside[p] === 0) continue;
      const [va, vb] = [this.#warped[p]!, b[p]!];
      n++;
      sa += va;
      sb += vb;
      saa += va * va;
      sbb += vb * vb;
      sab += va * vb;
    }
    return momentsOf(n, sa, sb, saa, sbb, sab);
  }

  /** Gauss-Newton steps from `at`. */
  #refine(a: Float32Array, b: Float32Array, side: number, at: Four, steps: number): Four {
    const theta: [number, number, number, number] = [...at];
    let [gain, offset] = [1, 0];
    const most = (MOST * side) / SIDE;
    for (let step = 0; step < steps; step++) {
      this.#equations(a, b, side, theta, gain, offset);
      const change = solve(this.#normal, PARAMETERS);
      if (change === undefined) break;
      let moved = 0;
      for (let k = 0; k < 4; k++) {
        const next = Math.max(-most, Math.min(most, theta[k]! + change[k]!));
        moved = Math.max(moved, Math.abs(next - theta[k]!));
        theta[k] = next;
      }
      gain = Math.max(0.5, Math.min(2, gain + change[4]!));
      offset += change[5]!;
      if (moved < 0.01) break;
    }
    return theta;
  }

  /** Normal equations of one step, with the right side as the last column. */
  #equations(
    a: Float32Array,
    b: Float32Array,
    side: number,
    [stretchX, shiftX, stretchY, shiftY]: Four,
    gain: number,
    offset: number,
  ): void {
    const normal = this.#normal.fill(0);
    const row = this.#row;
    const width = PARAMETERS + 1;
    for (let y = 0; y < side; y++) {
      const cy = centred(y, side);
      const v = y + shiftY + stretchY * cy;
      if (!onPicture(v, side)) continue;
      const line = cell(v, side);
      const fy = part(v, line);
      for (let x = 0; x < side; x++) {
        const cx = centred(x, side);
        const u = x + shiftX + stretchX * cx;
        if (!onPicture(u, side)) continue;
        const column = cell(u, side);
        const fx = part(u, column);
        const q = line * side + column;
        const [nw, ne, sw, se] = [a[q]!, a[q + 1]!, a[q + side]!, a[q + side + 1]!];
        const value = (1 - fy) * ((1 - fx) * nw + fx * ne) + fy * ((1 - fx) * sw + fx * se);
        const slopeX = gain * ((1 - fy) * (ne - nw) + fy * (se - sw));
        const slopeY = gain * ((1 - fx) * (sw - nw) + fx * (se - ne));
        const error = b[y * side + x]! - gain * value - offset;
        row[0] = slopeX * cx;
        row[1] = slopeX;
        row[2] = slopeY * cy;
        row[3] = slopeY;
        row[4] = value;
        row[5] = 1;
        for (let r = 0; r < PARAMETERS; r++) {
          const at = r * width;
          for (let c = r; c < PARAMETERS; c++) normal[at + c]! += row[r]! * row[c]!;
          normal[at + PARAMETERS]! += row[r]! * error;
        }
      }
    }
    for (let r = 0; r < PARAMETERS; r++) {
      for (let c = 0; c < r; c++) normal[r * width + c] = normal[c * width + r]!;
      normal[r * width + r] = normal[r * width + r]! * 1.0001 + 1e-3;
    }
  }

  #likeness(i: number, j: number, mirrored: boolean, at: Four): Likeness | undefined {
    const count = this.#warp(this.#a, SIDE, at);
    if (count < OVERLAP * SIDE * SIDE) return undefined;
    const [stretchX, shiftX, stretchY, shiftY] = at;
    return {
      alignment: { stretchX, shiftX, stretchY, shiftY },
      ...this.#moments(this.#b, SIDE * SIDE),
      ...this.#details(),
      colour: this.#colour(i, j, mirrored, at),
    };
  }

  /** What is left of both when the mean of the 5 x 5 pixels around each is taken away. */
  #details(): { detail: number; detailDifference: number } {
    let [n, aa, bb, dd] = [0, 0, 0, 0];
    for (let y = 0; y < SIDE; y++)
      for (let x = 0; x < SIDE; x++) {
        const p = y * SIDE + x;
        if (this.#inside[p] === 0) continue;
        let [count, sumA, sumB] = [0, 0, 0];
        for (let v = Math.max(0, y - 2); v <= Math.min(SIDE - 1, y + 2); v++)
          for (let u = Math.max(0, x - 2); u <= Math.min(SIDE - 1, x + 2); u++) {
            const q = v * SIDE + u;
            if (this.#inside[q] === 0) continue;
            count++;
            sumA += this.#warped[q]!;
            sumB += this.#b[q]!;
          }
        const a = this.#warped[p]! - sumA / count;
        const b = this.#b[p]! - sumB / count;
        n++;
        aa += a * a;
        bb += b * b;
        dd += (a - b) * (a - b);
      }
    return { detail: Math.sqrt(Math.min(aa, bb) / n), detailDifference: Math.sqrt(dd / n) };
  }

  #colour(i: number, j: number, mirrored: boolean, [stretchX, shiftX, stretchY, shiftY]: Four): number {
    const [a, b] = [this.#thumbs.colourOf(i), this.#thumbs.colourOf(j)];
    const [side, plane, ratio] = [COLOUR_SIDE, COLOUR_SIDE * COLOUR_SIDE, COLOUR_SIDE / SIDE];
    let [sum, n] = [0, 0];
    for (let y = 0; y < side; y++) {
      const v = y + ratio * (shiftY + stretchY * centred(y, side));
      if (!onPicture(v, side)) continue;
      const row = cell(v, side);
      const fy = part(v, row);
      for (let x = 0; x < side; x++) {
        const u = x + ratio * (shiftX + stretchX * centred(x, side));
        if (!onPicture(u, side)) continue;
        const column = cell(u, side);
        const fx = part(u, column);
        const p = y * side + (mirrored ? side - 1 - x : x);
        for (let start = 0; start < 2 * plane; start += plane) {
          const q = start + row * side + column;
          const value =
            (1 - fy) * ((1 - fx) * a[q]! + fx * a[q + 1]!) + fy * ((1 - fx) * a[q + side]! + fx * a[q + side + 1]!);
          sum += Math.abs(value - b[start + p]!);
          n++;
        }
      }
    }
    return n === 0 ? 255 : sum / n;
  }
}

/** A as B would see it. */
interface Begun {
  /** The pixels of B, and A's brightness there. */
  places: Uint16Array;
  values: Float32Array;
  sum: number;
  squares: number;
}

function correlationOf({ places, values, sum, squares }: Begun, b: Float32Array): number {
  let [sb, sbb, sab] = [0, 0, 0];
  for (let k = 0; k < places.length; k++) {
    const vb = b[places[k]!]!;
    sb += vb;
    sbb += vb * vb;
    sab += values[k]! * vb;
  }
  return momentsOf(places.length, sum, sb, squares, sbb, sab).correlation;
}

/** From sums over n pixels of A, B, their squares and their product. */
function momentsOf(
  n: number,
  sa: number,
  sb: number,
  saa: number,
  sbb: number,
  sab: number,
): { correlation: number; gain: number; shade: number } {
  const varA = saa / n - (sa / n) ** 2;
  const varB = sbb / n - (sb / n) ** 2;
  const covariance = sab / n - (sa / n) * (sb / n);
  if (!(varA > 0.01 && varB > 0.01)) return { correlation: 0, gain: 1, shade: 0 };
  return {
    correlation: covariance / Math.sqrt(varA * varB),
    gain: Math.sqrt(varB / varA),
    shade: Math.abs(sb - sa) / n,
  };
}

/** Stretch and shift from left to right, then from top to bottom. */
type Four = readonly [number, number, number, number];

/** -1 at one edge of the picture, 1 at the other. */
const centred = (x: number, side: number): number => (2 * x + 1) / side - 1;
/** Half a pixel beyond the outermost centres is the picture's edge. */
const onPicture = (x: number, side: number): boolean => x >= -0.5 && x <= side - 0.5;
const cell = (x: number, side: number): number => Math.max(0, Math.min(side - 2, Math.floor(x)));
const part = (x: number, cellStart: number): number => Math.max(0, Math.min(1, x - cellStart));

function halve(from: Float32Array, to: Float32Array): void {
  for (let y = 0; y < HALF; y++)
    for (let x = 0; x < HALF; x++) {
      const p = 2 * y * SIDE + 2 * x;
      to[y * HALF + x] = (from[p]! + from[p + 1]! + from[p + SIDE]! + from[p + SIDE + 1]!) / 4;
    }
}

/** Solves n equations, given as rows of n + 1, by elimination with pivots; undefined where they are singular. */
function solve(rows: Float64Array, n: number): Float64Array | undefined {
  const width = n + 1;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let r = k + 1; r < n; r++) if (Math.abs(rows[r * width + k]!) > Math.abs(rows[pivot * width + k]!)) pivot = r;
    if (Math.abs(rows[pivot * width + k]!) < 1e-9) return undefined;
    if (pivot !== k)
      for (let c = k; c < width; c++) {
        const kept = rows[k * width + c]!;
        rows[k * width + c] = rows[pivot * width + c]!;
        rows[pivot * width + c] = kept;
      }
    for (let r = k + 1; r < n; r++) {
      const factor = rows[r * width + k]! / rows[k * width + k]!;
      for (let c = k; c < width; c++) rows[r * width + c]! -= factor * rows[k * width + c]!;
    }
  }
  const x = new Float64Array(n);
  for (let k = n - 1; k >= 0; k--) {
    let sum = rows[k * width + n]!;
    for (let c = k + 1; c < n; c++) sum -= rows[k * width + c]! * x[c]!;
    x[k] = sum / rows[k * width + k]!;
  }
  return x;
}
