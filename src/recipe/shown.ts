import type { Recipe, RecipeKey, SourcedRecipe } from './schema.js';

/** A value as it stands in tables. */
export function shownValue(value: Recipe[RecipeKey] | undefined): string {
  if (value === undefined) return '-';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  return String(value);
}

/** Whether a setting plays no part with the others. */
export const isUnused = (recipe: SourcedRecipe, key: RecipeKey): boolean =>
  recipe.sources[key]?.startsWith('unused with ') ?? true;
