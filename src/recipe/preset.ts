import type { Recipe, RecipeKey } from './schema.js';

/** A value beside where it comes from. */
export type Sourced<T> = readonly [value: T, source: string];
export type Changes = { readonly [K in RecipeKey]?: Sourced<Recipe[K]> };

/** A named recipe: its differences from another one. */
export interface Preset {
  about: string;
  /** Absent only from `resnet-rs`, which has a value for every key. */
  extends?: string;
  /** The task that it is for, where it is not one with classes. Inherited. */
  task?: string;
  /** Dropout and stochastic depth follow the model's published row. Inherited. */
  perModel?: boolean;
  values: Changes;
}
