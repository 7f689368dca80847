import type { ImageModel } from '../../models/index.js';
import { Linear, type Module, ProjectionHead, projectionIn } from '../../nn/index.js';
import type { Tensor } from '../../torch/index.js';
import { outputsIn } from '../../weights/facts.js';
import type { ClassSettings } from './settings.js';

/**
 * A classifier with the first layers of a projection head between trunk and head, where SimCLRv2 fine-tunes from (arXiv 2006.10029, section
 * 2.2: the first layer of three where labels are few). State keys `projection.*` beside the trunk's and the head's own.
 */
export function projected(model: ImageModel, projection: ClassSettings['projection'], seed = 0): ImageModel {
  if (projection === undefined) return model;
  const { version, widths } = projection;
  const [width, hidden] = widths as [number, number];
  const head = new ProjectionHead(width, version, seed + 1, { layers: widths.length - 1, hidden, cut: true });
  const fields = model as unknown as Record<string, Module>;
  const last = fields[model.head] as Linear;
  const classifier = last.inFeatures === hidden ? last : new Linear(hidden, last.outFeatures);
  if (classifier !== last) last.dispose();
  classifier.forward = (x: Tensor): Tensor => Linear.prototype.forward.call(classifier, head.forward(x));
  // The order of fields is that of the layers.
  delete fields[model.head];
  fields['projection'] = head;
  fields[model.head] = classifier;
  return model;
}

/** The same of the tensors of a file; undefined for a plain classifier. */
export function projectedOfShapes(
  create: (classes: number) => ImageModel,
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): ImageModel | undefined {
  const projection = projectionIn(tensors);
  const outputs = outputsIn(tensors);
  if (projection === undefined || outputs === undefined) return undefined;
  return projected(create(outputs), projection);
}
