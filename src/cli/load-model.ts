import { existsSync, statSync } from 'node:fs';
import { RescaledError, UsageError } from '../errors.js';
import { createModel, type ImageModel, type ModelOverrides } from '../models/index.js';
import { finalWeights, bestWeights, loadConfig, loadInto, type RunConfig } from '../train/index.js';
import { SafetensorsFile } from '../weights/safetensors.js';

export interface LoadedModel {
  model: ImageModel;
  name: string;
  classes: string[];
  size: number;
  evalCrop: number;
  /** 'ema' or 'raw'. */
  weights: 'ema' | 'raw';
  path: string;
  /** The data it was trained on, with what picks its test pictures. */
  data?: Omit<RunConfig['data'], 'path'> & { seed: number };
  /** The run folder, when it came from one. */
  run?: string;
}

/** A trained model from a run folder (final weights, else the best so far) or a weights file that Rescaled wrote. */
export function loadModel(target: string, choose: 'final' | 'best' = 'final'): LoadedModel {
  if (!existsSync(target)) throw new UsageError(`Expected a run folder or a .safetensors file but there is nothing at ${target}.`);
  const run = statSync(target).isDirectory() ? target : undefined;
  if (run === undefined && !target.endsWith('.safetensors')) throw new UsageError(`Expected a run folder or a .safetensors file but received ${target}.`);
  let path = target;
  if (run !== undefined) {
    loadConfig(run); // says what is wrong when it is none
    path = choose === 'best' || !existsSync(finalWeights(run)) ? bestWeights(run) : finalWeights(run);
    if (!existsSync(path)) throw new UsageError(`Expected weights in ${run} but its first epoch is not done. Go on with "rescaled train --resume ${run}".`);
  }
  const file = SafetensorsFile.open(path);
  try {
    const { metadata } = file;
    if ([...file.entries.keys()].some((key) => key.startsWith('model.')))
      throw new UsageError(`Expected weights but ${path} is a checkpoint. Give the run folder, or its weights.safetensors.`);
    if (metadata['model'] === undefined || metadata['modelOptions'] === undefined)
      throw new RescaledError(`Expected weights written by rescaled in ${path} but its header names no model.`);
    const options = JSON.parse(metadata['modelOptions']) as ModelOverrides;
    const model = createModel(metadata['model'], options);
    loadInto(file, model.state(), path);
    model.to({ memoryFormat: 'channels_last' }).train(false);
    return {
      model,
      name: metadata['model'],
      classes: JSON.parse(metadata['classes'] ?? '[]') as string[],
      size: Number(metadata['size']),
      evalCrop: Number(metadata['evalCrop']),
      weights: metadata['weights'] === 'raw' ? 'raw' : 'ema',
      path,
      ...(metadata['data'] === undefined ? {} : { data: JSON.parse(metadata['data']) as Omit<RunConfig['data'], 'path'> & { seed: number } }),
      ...(run === undefined ? {} : { run }),
    };
  } finally {
    file.close();
  }
}

