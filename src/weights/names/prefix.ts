import { entryOf, type WeightsFile } from '../formats/weights-file.js';

/**
 * What stands before a model's own keys in a file of another program: `model.` (Lightning), `backbone.`, `module.`
 * where other keys lie beside it. It is looked for by the keys that the model has, so any text is found.
 * @returns '' where the keys are the model's as they are, or none are; several where more than one would do, such as
 * `student.` and `teacher.`
 */
export function beginnings(found: Iterable<string>, expected: Iterable<string>): string[] {
  const keys = new Set(found);
  const wanted = [...expected].filter((key) => !key.endsWith('.num_batches_tracked'));
  const plain = wanted.filter((key) => keys.has(key)).length;
  const [first] = wanted;
  if (first === undefined || plain > wanted.length / 2) return [''];
  const counts = new Map<string, number>();
  for (const key of keys)
    if (key.endsWith(`.${first}`)) {
      const prefix = key.slice(0, -first.length);
      counts.set(prefix, wanted.filter((other) => keys.has(prefix + other)).length);
    }
  const most = Math.max(0, ...counts.values());
  // Half of the model: less is a part of another one, which a list of keys explains better.
  if (most <= Math.max(plain, wanted.length / 2)) return [''];
  return [...counts].filter(([, count]) => count === most).map(([prefix]) => prefix);
}

/** The file without the beginning that makes its keys the model's; itself where none does or several do. */
export function withoutBeginning(file: WeightsFile, expected: Iterable<string>): WeightsFile {
  const [prefix = '', ...others] = beginnings(file.entries.keys(), expected);
  if (prefix === '' || others.length > 0) return file;
  const entries = new Map<string, ReturnType<WeightsFile['entries']['get']> & object>();
  const ignored = new Map(file.ignored);
  for (const [key, entry] of file.entries) {
    if (key.startsWith(prefix)) entries.set(key.slice(prefix.length), entry);
    else ignored.set(key, `not under ${prefix}`);
  }
  const own = (key: string): string => {
    entryOf(entries, key, file.path);
    return prefix + key;
  };
  return {
    path: file.path,
    format: file.format,
    metadata: { ...file.metadata, strippedPrefix: (file.metadata['strippedPrefix'] ?? '') + prefix },
    entries,
    ignored,
    read: (key) => file.read(own(key)),
    readFloat32: (key) => file.readFloat32(own(key)),
    close: () => file.close(),
  };
}
