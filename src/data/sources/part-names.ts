import type { PartName } from '../parts.js';

/** What people call the folders of the parts, without `set`, `images` and the like behind it. */
const WORDS: Readonly<Record<PartName, readonly string[]>> = {
  train: ['train', 'training', 'trn'],
  val: [
    ...['val', 'valid', 'validate', 'validation', 'validating', 'dev', 'devel', 'development'],
    ...['holdout', 'heldout', 'eval', 'evaluation'],
  ],
  test: ['test', 'testing', 'tst'],
};

const BEHIND = /(?:dataset|datasets|data|sets?|images?|imgs?|pictures?|photos?|split|part|folder|dir)$/;

/** The part that a folder of this name holds, in any spelling: `Training`, `test_set`, `hold-out`. */
export function partOf(folder: string): PartName | undefined {
  const word = folder.toLowerCase().replace(/[\s_.-]+/g, '');
  for (const name of [word, word.replace(BEHIND, '')])
    for (const part of Object.keys(WORDS) as PartName[]) if (WORDS[part].includes(name)) return part;
  return undefined;
}
