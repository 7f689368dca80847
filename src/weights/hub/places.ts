import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../../errors.js';
import type { Wanted } from './name.js';

/** An environment variable; an empty one counts as unset. */
const env = (name: string): string | undefined => process.env[name]?.trim() || undefined;
const isOn = (name: string): boolean => /^(1|on|yes|true)$/i.test(env(name) ?? '');
const withHome = (path: string): string => path.replace(/^~(?=$|[\\/])/, homedir());
const cacheHome = (): string => env('XDG_CACHE_HOME') ?? join(homedir(), '.cache');

/** RESCALED_OFFLINE, or HF_HUB_OFFLINE as the hub's own programs have it. */
export const offlineSwitch = (): string | undefined => ['RESCALED_OFFLINE', 'HF_HUB_OFFLINE'].find(isOn);

/** The hub: HF_ENDPOINT, or https://huggingface.co. @throws UsageError when HF_ENDPOINT is no web address */
export function hubEndpoint(): URL {
  const text = env('HF_ENDPOINT') ?? 'https://huggingface.co';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.username !== '')
    throw new UsageError(`Expected an address such as https://huggingface.co in HF_ENDPOINT but it is "${text}".`);
  return url;
}

/** Only for the hub; see `Connection`. */
export const hubToken = (): string | undefined => env('HF_TOKEN');

/**
 * Where the hub's own programs keep files: HF_HUB_CACHE, else hub/ in HF_HOME, else ~/.cache/huggingface/hub. Source:
 * huggingface_hub constants.py.
 */
export const hubCache = (): string =>
  withHome(
    env('HF_HUB_CACHE') ??
      env('HUGGINGFACE_HUB_CACHE') ??
      join(env('HF_HOME') ?? join(cacheHome(), 'huggingface'), 'hub'),
  );

/** Where torch.hub keeps files: hub/checkpoints in TORCH_HOME, else in ~/.cache/torch. Source: torch/hub.py. */
export const torchCache = (): string =>
  join(withHome(env('TORCH_HOME') ?? join(cacheHome(), 'torch')), 'hub', 'checkpoints');

export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

/** The folder of a repository in the hub's cache. Source: huggingface_hub file_download.py, `repo_folder_name`. */
export const repositoryFolder = (repository: string): string =>
  join(hubCache(), ['models', ...repository.split('/')].join('--'));

/** The file of these weights when it is on this machine, whoever fetched it; no request is made. */
export function cachedFile({ address, revision }: Wanted): string | undefined {
  if (address.kind === 'archive') return undefined;
  if (address.kind === 'torch') return existing(join(torchCache(), address.file));
  const folder = repositoryFolder(address.repository);
  let commit: string;
  try {
    commit = isCommit(revision) ? revision : readFileSync(join(folder, 'refs', revision), 'utf8').trim();
  } catch {
    return undefined;
  }
  return isCommit(commit) ? existing(join(folder, 'snapshots', commit, address.file)) : undefined;
}

// A link to a blob that is gone does not exist.
const existing = (path: string): string | undefined => (existsSync(path) ? path : undefined);
