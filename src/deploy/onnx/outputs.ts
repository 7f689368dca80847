import { RescaledError } from '../../errors.js';
import { anchorsFor, outputsPerAnchor } from '../../models/detect/index.js';
import type { ExportedOutput } from '../metadata.js';
import { addBoxes, BOX_OUTPUTS, BOX_SHAPES, type BoxHead } from './boxes.js';
import type { OnnxGraph } from './graph.js';
import { DataType } from './schema.js';

/** One output of a file; a side that is a word is free. */
export interface FileOutput {
  readonly name: string;
  readonly type: number;
  readonly dims: readonly (string | number)[];
}

/** What stands between a model's own output and those of its file. */
export interface FileOutputs {
  /** Sides of the traced output behind the batch, and why these. */
  readonly traced: readonly number[];
  readonly why: string;
  readonly outputs: readonly FileOutput[];
  /** @param raw the traced output @returns names of the outputs in `graph`, in their order */
  add(graph: OnnxGraph, raw: string): string[];
}

/**
 * The outputs of a file. Those of pixels have the sides S of its input:
 *
 *     masks: classes [N, S, S] uint8, the class with the highest logit of each pixel, of equal ones the first;  logits [N, K, S, S]
 *     depth: depth [N, S, S] in metres
 *
 * `classes` is what most programs want. Logits, not probabilities, stand beside it: enlarged to the picture they name the classes that were
 * measured, and their softmax gives the probabilities of those who want them, where it would cost all others a pass over the maps.
 * @param totalStride of boxes: the product of all strides of the trunk
 */
export function outputsOf(gives: ExportedOutput, size: number, totalStride?: number): FileOutputs {
  const float = (name: string, ...dims: (string | number)[]): FileOutput => ({ name, type: DataType.FLOAT, dims });
  switch (gives.kind) {
    case 'boxes':
      return boxes(gives, size, totalStride);
    case 'depth':
      return {
        ...{ traced: [1, size, size], why: 'of depth' },
        outputs: [float('depth', 'N', size, size)],
        add: (graph, raw) => [graph.add('Reshape', [raw, graph.ints([0, size, size])])],
      };
    case 'masks': {
      const { length } = gives.labels;
      return {
        ...{ traced: [length, size, size], why: `there are ${length} labels` },
        outputs: [
          { name: 'classes', type: DataType.UINT8, dims: ['N', size, size] },
          float('logits', 'N', length, size, size),
        ],
        add(graph, raw) {
          const highest = graph.add('ArgMax', [raw], { axis: 1, keepdims: 0 });
          return [graph.add('Cast', [highest], { to: DataType.UINT8 }), raw];
        },
      };
    }
    case 'numbers': {
      const { length } = gives.names;
      return {
        ...{ traced: [length], why: `there are ${length} labels` },
        outputs: [float('numbers', 'N', length)],
        add: (_, raw) => [raw],
      };
    }
    case 'classes': {
      const { length } = gives.labels;
      return {
        ...{ traced: [length], why: `there are ${length} labels` },
        outputs: [float('logits', 'N', length), float('probabilities', 'N', length)],
        add: (graph, raw) => [raw, graph.add('Softmax', [raw], { axis: 1 })],
      };
    }
  }
}

function boxes(
  { detector, labels }: Extract<ExportedOutput, { kind: 'boxes' }>,
  size: number,
  totalStride: number | undefined,
): FileOutputs {
  if (totalStride === undefined) throw new RescaledError('Expected the strides of the trunk with boxes to export.');
  const head: BoxHead = { ...detector, classes: labels.length, size, totalStride };
  return {
    traced: [anchorsFor(head, size, totalStride).anchors.length / 4, outputsPerAnchor(head)],
    why: 'of a detector',
    outputs: BOX_OUTPUTS.map((name, i) => ({ name, ...BOX_SHAPES[i]! })),
    add: (graph, raw) => addBoxes(graph, raw, head),
  };
}
