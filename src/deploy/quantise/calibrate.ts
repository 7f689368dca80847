import { RescaledError } from '../../errors.js';
import { DataType, type ModelProto } from '../onnx/schema.js';
import type { SessionOptions } from '../session.js';
import { type Layer, layersOf } from './layers.js';
import { Probe, type Views, viewsFrom } from './probe.js';
import { type Quantised, quantise, type Range, tensorsOf } from './qdq.js';
import { Histogram, METHODS, type Method } from './ranges.js';

/** A network whose values have been seen, from which any of its layers can be put into int8. */
export interface Calibrated {
  readonly model: ModelProto;
  readonly layers: readonly Layer[];
  readonly method: Method;
  /** Mean squared error of the answer on pictures that were not calibrated on, over its mean square, by method. */
  readonly errors: Readonly<Record<Method, number>>;
  readonly ranges: ReadonlyMap<string, Range>;
  /** What the float32 network gives for these pictures, [n, K]. */
  readonly wanted: Float32Array;
}

/**
 * Runs the float32 network on the pictures `views` and keeps a histogram of each tensor that the int8 network rounds; then takes the method
 * of making ranges of them with which the answer is nearest on the pictures `heldOut`.
 * @param answer the output of the network that is compared
 */
export async function calibrate(
  model: ModelProto,
  { views, heldOut, answer }: { views: Views; heldOut: Views; answer: string },
  options: SessionOptions,
): Promise<Calibrated> {
  const layers = layersOf(model.graph);
  if (layers.length === 0)
    throw new RescaledError(
      'Expected convolutions or a linear layer with stored weights to put into int8 but there are none.',
    );
  const names = tensorsOf(layers);
  const histograms = new Map(names.map((name) => [name, new Histogram()]));
  const probe = await Probe.open(model, names, DataType.FLOAT, options);
  try {
    await probe.run(views, (tensors) => {
      for (const [name, histogram] of histograms)
        if (!histogram.widen(tensors[name]!.data as Float32Array))
          throw new RescaledError(
            `Expected finite values in the network but ${name} has some that are not: its weights are damaged, or the training diverged.`,
          );
    });
    await probe.run(views, (tensors) => {
      for (const [name, histogram] of histograms) histogram.count(tensors[name]!.data as Float32Array);
    });
  } finally {
    await probe.close();
  }
  const rangesBy = (method: Method): Map<string, Range> =>
    new Map([...histograms].map(([name, histogram]) => [name, histogram.range(method)]));
  const wanted = await answersOf(model, answer, heldOut, options);
  const errors = {} as Record<Method, number>;
  for (const method of METHODS) {
    const given = await answersOf(quantise(model, layers, rangesBy(method)).model, answer, heldOut, options);
    errors[method] = relativeError(wanted, given);
  }
  const method = METHODS.reduce((best, one) => (errors[one] < errors[best] ? one : best));
  return { model, layers, method, errors, ranges: rangesBy(method), wanted };
}

/**
 * The network with all of its layers in int8 but those named. One without weights is left in float32 too where none of what it reads comes from
 * a layer in int8.
 * @returns also the names of all layers that are in float32
 */
export function lowered(
  { model, layers, ranges }: Calibrated,
  float: ReadonlySet<string> = new Set(),
): Quantised & { readonly float: readonly string[] } {
  const made = new Set<string>();
  const kept = layers.filter(({ name, weighted, inputs, output, floatOutput }) => {
    const stays = !float.has(name) && (weighted || inputs.some((input) => made.has(input)));
    if (stays && !floatOutput) made.add(output);
    return stays;
  });
  const left = layers.filter((layer) => !kept.includes(layer)).map(({ name }) => name);
  return { ...quantise(model, kept, ranges), float: left };
}

/** What a network gives for pictures, [n, K]. */
export async function answersOf(
  model: ModelProto,
  answer: string,
  views: Views,
  options: SessionOptions,
): Promise<Float32Array> {
  const probe = await Probe.open(model, [answer], DataType.FLOAT, options);
  const parts: Float32Array[] = [];
  try {
    await probe.run(views, (tensors) => parts.push((tensors[answer]!.data as Float32Array).slice()));
  } finally {
    await probe.close();
  }
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** sum (x - y)^2 / sum x^2 */
export function relativeError(wanted: Float32Array, given: ArrayLike<number>): number {
  let [noise, signal] = [0, 0];
  for (let i = 0; i < wanted.length; i++) {
    noise += (wanted[i]! - given[i]!) ** 2;
    signal += wanted[i]! ** 2;
  }
  return noise === 0 ? 0 : noise / signal;
}

/** What int8 does to a layer. */
export interface LayerError {
  readonly layer: string;
  /** Signal over noise of its output in the int8 network against the float32 one, in dB: 10 log10(sum x^2 / sum (x - x')^2). */
  readonly sqnr?: number;
  /** The same of the network's answer where this output alone is rounded; of the worst of what it makes and reads from float32 layers. */
  readonly alone?: number;
}

const decibels = (error: number): number => -10 * Math.log10(error);

/** The error of each layer's output. @param quantised the int8 network of `calibrated` @param views some pictures */
export async function layerErrors(
  { model, layers }: Calibrated,
  quantised: Quantised,
  views: Views,
  options: SessionOptions,
): Promise<LayerError[]> {
  const shown = layers.filter(
    ({ output, passes, floatOutput }) => !passes && !floatOutput && quantised.tensors.has(output),
  );
  const bytesOf = ({ output }: Layer): string => quantised.tensors.get(output)!.name;
  const float = await Probe.open(
    model,
    shown.map(({ output }) => output),
    DataType.FLOAT,
    options,
  );
  const int8 = await Probe.open(quantised.model, shown.map(bytesOf), DataType.UINT8, options);
  const [signal, noise] = [new Float64Array(shown.length), new Float64Array(shown.length)];
  try {
    for (let i = 0; i < views.n; i++) {
      const one = viewsFrom(views, i, i + 1);
      const wanted = await float.once(one);
      const given = await int8.once(one);
      for (const [k, layer] of shown.entries()) {
        const { scale, zeroPoint, name } = quantised.tensors.get(layer.output)!;
        const values = wanted[layer.output]!.data as Float32Array;
        const bytes = given[name]!.data as Uint8Array;
        for (let j = 0; j < values.length; j++) {
          signal[k]! += values[j]! ** 2;
          noise[k]! += (values[j]! - scale * (bytes[j]! - zeroPoint)) ** 2;
        }
      }
    }
  } finally {
    await float.close();
    await int8.close();
  }
  return shown.map(({ name }, k) => {
    const sqnr = decibels(noise[k]! / signal[k]!);
    // One that is always 0, as a block begins, has no noise either.
    return { layer: name, ...(Number.isFinite(sqnr) && { sqnr }) };
  });
}

/** A rounded tensor, and the layers that must compute in float32 for it not to be rounded. */
export interface Rounding {
  /** The layer that makes it, or that reads it where float32 arithmetic makes it. */
  readonly layer: string;
  /** Signal over noise of the network's answer where this tensor alone is rounded, in dB. */
  readonly alone: number;
  readonly around: readonly string[];
}

/** What the rounding of each tensor alone does to the answer, the worst first. */
export async function roundings(
  { model, layers, ranges }: Calibrated,
  { views, answer }: { views: Views; answer: string },
  options: SessionOptions,
  onDone: (done: number, of: number) => void,
): Promise<Rounding[]> {
  const wanted = await answersOf(model, answer, views, options);
  const makers = new Map(layers.filter(({ floatOutput }) => !floatOutput).map((layer) => [layer.output, layer]));
  const found: Rounding[] = [];
  const tensors = tensorsOf(layers).filter((tensor) => makers.get(tensor)?.passes !== true);
  for (const tensor of tensors) {
    const maker = makers.get(tensor);
    const reader = layers.find(({ inputs }) => inputs.includes(tensor));
    // Its own arithmetic stays in float32: what is left of a layer is the rounding of what it makes, or reads.
    const rounding: Layer =
      maker === undefined
        ? { ...reader!, weighted: false, floatOutput: true, inputs: [tensor] }
        : { ...maker, weighted: false, inputs: [] };
    const given = await answersOf(quantise(model, [rounding], ranges).model, answer, views, options);
    const alone = decibels(relativeError(wanted, given));
    found.push({ layer: (maker ?? reader!).name, alone, around: aroundOf(tensor, layers) });
    onDone(found.length, tensors.length);
  }
  return found.sort((a, b) => a.alone - b.alone);
}

/** The layers that make and read a tensor, and what those that only pass it on give to others. */
function aroundOf(tensor: string, layers: readonly Layer[]): string[] {
  const same = new Set([tensor]);
  const around = layers.filter(({ name: _, ...layer }) => {
    const reads = layer.inputs.some((input) => same.has(input));
    if (reads && layer.passes) same.add(layer.output);
    return reads || layer.output === tensor;
  });
  return around.map(({ name }) => name);
}
