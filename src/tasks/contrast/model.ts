import { createModel, type ImageModel } from '../../models/index.js';
import {
  type HeadVersion,
  Linear,
  Module,
  ProjectionHead,
  type ProjectionHeadOptions,
  projectionIn,
} from '../../nn/index.js';
import type { RunConfig } from '../../run/config.js';
import { call, detach, type Tensor } from '../../torch/index.js';
import type { ContrastSettings } from './settings.js';

/** Stands where the classifier of a trunk stood. */
class Features extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** What stands on a trunk while it learns by contrast. */
export interface ContrastHeads {
  version: HeadVersion;
  projection: Partial<ProjectionHeadOptions>;
  /** Classes that the gauge tells apart; 0 for none. */
  classes: number;
}

/** A trunk of the registry, with its own state keys, and beside them those of `projection` and `gauge`. */
export type ContrastModel = ImageModel & { projection: ProjectionHead; gauge?: Linear };

/** Keeps the numbers that the heads begin with apart from the trunk's. */
const HEAD_SEED = 0x51c1;

/**
 * Puts a projection head on a trunk in place of its classifier, and a linear layer beside it that learns classes from the same features
 * without the trunk learning from it: it is a gauge (SimCLR, appendix B.6: as good as one trained afterwards). Outputs, a row a view:
 * what the projection gives, the gauge's logits, and in evaluation the trunk's features, [n, out + classes (+ width)].
 */
export function contrastModel(
  trunk: ImageModel,
  { version, projection, classes }: ContrastHeads,
  seed: number,
): ContrastModel {
  const fields = trunk as unknown as Record<string, Module>;
  const old = fields[trunk.head] as Linear;
  const width = old.inFeatures;
  old.dispose();
  fields[trunk.head] = new Features();
  const features = trunk.forward.bind(trunk);
  const head = new ProjectionHead(width, version, seed + HEAD_SEED, projection);
  const gauge = classes > 0 ? new Linear(width, classes) : undefined;
  const forward = (x: Tensor): Tensor => {
    const h = features(x);
    const parts = [head.forward(h)];
    if (gauge !== undefined) parts.push(gauge.forward(detach(h)));
    if (!head.training) parts.push(h);
    return parts.length === 1 ? parts[0]! : call('aten::cat', [parts, 1]);
  };
  return Object.assign(trunk, { head: 'projection', projection: head, ...(gauge && { gauge }), forward });
}

/** The model of a run, a function of its seed. */
export function modelOfRun({ model, modelOptions, seed, recipe, task }: RunConfig): ContrastModel {
  const { projectionHead, projectionLayers, projectionOutputs } = recipe.values;
  return contrastModel(
    createModel(model, { ...modelOptions, classes: 1 }, seed),
    {
      version: projectionHead,
      projection: { layers: projectionLayers, out: projectionOutputs },
      classes: (task as ContrastSettings).classes.length,
    },
    seed,
  );
}

/** The same with heads as large as those whose tensors a file has. */
export function modelOfShapes(
  trunk: (classes: number) => ImageModel,
  shapes: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): ContrastModel {
  const { version = 'v1', widths = [] } = projectionIn(shapes) ?? {};
  return contrastModel(
    trunk(1),
    {
      version,
      projection: {
        ...(widths.length > 1 && { layers: widths.length - 1, out: widths.at(-1)! }),
        ...(widths.length > 2 && { hidden: widths[1]! }),
      },
      classes: shapes.get('gauge.weight')?.shape[0] ?? 0,
    },
    0,
  );
}
