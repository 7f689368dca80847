import { RescaledError, UsageError } from '../../errors.js';
import { didYouMean } from '../../suggest.js';
import { type Address, NAMED_WEIGHTS, type NamedWeights } from './table.js';

/** What a name stands for. */
export interface Wanted {
  /** As it is written in commands. */
  name: string;
  row?: NamedWeights;
  address: Address;
  /** Of a repository on the hub: branch, tag or commit. */
  revision: string;
}

const HUB_NAME =
  /^hf:(?:\/\/)?([\w.-]+\/[\w.-]+)(?:@(refs\/(?:pr|convert)\/[\w.-]+|[\w.-]+))?(?:\/([^\\\u0000-\u001f\u007f]+))?$/;
const FORM = 'hf:OWNER/REPOSITORY[@REVISION][/FILE]';

/**
 * What a name stands for: a row of the table (capitals do not matter; an architecture alone where only one row has
 * it), or `hf:owner/repository[@revision][/file]`, whose file is model.safetensors unless it is named. Undefined when
 * the text is no name: it may be a path.
 * @throws UsageError for an hf: name of another form
 */
export function parseName(text: string): Wanted | undefined {
  if (text.startsWith('hf:')) return hubName(text);
  const lower = text.toLowerCase();
  const fitting = NAMED_WEIGHTS.filter(({ name }) => name.toLowerCase().startsWith(`${lower}.`));
  const row =
    NAMED_WEIGHTS.find(({ name }) => name.toLowerCase() === lower) ?? (fitting.length === 1 ? fitting[0] : undefined);
  return row && { name: row.name, row, address: row.address, revision: 'main' };
}

function hubName(text: string): Wanted {
  const [, repository, revision = 'main', file = 'model.safetensors'] = HUB_NAME.exec(text) ?? [];
  const parts = [...(repository?.split('/') ?? ['']), ...file.split('/'), revision];
  // They become names of folders and files.
  if (repository === undefined || repository.includes('--') || parts.some((part) => /^\.*$/.test(part)))
    throw new UsageError(
      `Expected ${FORM}, such as hf:timm/resnetrs50.tf_in1k, for weights on the hub but received "${text}".`,
    );
  const row = NAMED_WEIGHTS.find(
    ({ address }) => address.kind === 'hub' && address.repository === repository && address.file === file,
  );
  return { name: text, row, revision, address: { kind: 'hub', repository, file } };
}

/** For a message about a text that is neither a path nor a name: what may have been meant, and where the names are. */
export function noSuchName(text: string): string {
  const fitting = NAMED_WEIGHTS.map(({ name }) => name).filter((name) => name.startsWith(`${text}.`));
  if (fitting.length > 0) return `Several weights begin so: ${fitting.join(', ')}. Name one of them.`;
  const known = NAMED_WEIGHTS.map(({ name }) => name);
  const short = text.replace(/^timm\//, '');
  const hint =
    short !== text && known.includes(short) ? ` Did you mean "${short}", or hf:${text}?` : didYouMean(text, known);
  return `No weights have that name either.${hint} "rescaled weights list" prints the names; ${FORM} is any on the hub.`;
}

/** @throws UsageError when it is no name */
export function needName(text: string): Wanted {
  const wanted = parseName(text);
  if (wanted === undefined)
    throw new UsageError(
      `Expected the name of weights but received "${text}". ${noSuchName(text).replace(' either', '')}`,
    );
  return wanted;
}

/** Archives are not unpacked here. */
export function archiveError({ name }: Wanted, url: string): RescaledError {
  return new RescaledError(
    `${name} is an archive, which is not fetched: download ${url}, unpack it with "tar xzf FILE", ` +
      'and give the .index of the checkpoint inside, with --model, in place of the name.',
  );
}
