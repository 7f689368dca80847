import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { RescaledError } from '../../errors.js';

/** The folder of the program, or the program itself, where it is not to be taken from the PATH. */
const OWN = 'RESCALED_FFMPEG';

/** How it comes onto a machine. */
const INSTALL: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'sudo apt-get install ffmpeg',
  darwin: 'brew install ffmpeg',
  win32: 'winget install ffmpeg',
};

/** The path of a program on the PATH; undefined where there is none. */
function programAt(name: string, path: string | undefined): string | undefined {
  const endings = process.platform === 'win32' ? ['.exe'] : [''];
  for (const folder of (path ?? '').split(delimiter))
    for (const ending of endings) {
      const file = join(folder, `${name}${ending}`);
      if (folder !== '' && isProgram(file)) return file;
    }
  return undefined;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** ffmpeg, which decodes video files; undefined where it is not there. */
export function findFfmpeg(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const own = env[OWN];
  if (own === undefined || own === '') return programAt('ffmpeg', env['PATH']);
  return isProgram(own) ? own : programAt('ffmpeg', own);
}

/** What bounds a program's memory (util-linux); undefined where it is not there. */
export const findPrlimit = (env: NodeJS.ProcessEnv = process.env): string | undefined =>
  process.platform === 'linux' ? programAt('prlimit', env['PATH']) : undefined;

/** One line with the command that mends it. @param what is to be read, such as `3 video files (.mp4)` */
export function missingFfmpeg(what: string, env: NodeJS.ProcessEnv = process.env): RescaledError {
  const own = env[OWN];
  const where = own === undefined || own === '' ? 'on the PATH' : `at ${OWN}=${own}`;
  return new RescaledError(
    `Expected the program ffmpeg ${where} to read ${what} but it is not there. ` +
      `Install it: ${INSTALL[process.platform] ?? 'https://ffmpeg.org'}`,
  );
}
