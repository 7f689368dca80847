import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { RescaledError } from '../../errors.js';
import { BrokenPicture } from '../decoding/decode.js';
import { CLIP_LIMITS, type ClipLimits, type ClipRequest, type DecodedClip } from './limits.js';
import { findFfmpeg, findPrlimit, missingFfmpeg } from './programs.js';

/**
 * Containers that hold their own frames. Playlists, lists of files, pictures by number and devices are not among them: they would read other
 * files than the one that is named.
 */
const CONTAINERS =
  'mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,ogg,gif,apng,h264,hevc,m4v,mjpeg,ivf,dv,rm,wtv,mxf,nut,gxf,swf,nsv,av1,obu,y4m,yuv4mpegpipe';

/** Lines that are kept of what it says is wrong. */
const MOST_LINES = 20;

/** What the program tells of a file. */
export interface Heard {
  /** Of the frames that it gave, in seconds. */
  times: number[];
  sides: Set<string>;
  /** Of the file, in seconds, where it says it. */
  duration: number | undefined;
  errors: string[];
}

/** What one run of the program gave. */
export interface Run extends Heard {
  data: Buffer[];
  bytes: number;
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Why it was ended. */
  stopped: string | undefined;
}

/**
 * Decodes a video file by the program ffmpeg: one child, one thread, no shell, and only this file. Frames are those that are in the file,
 * whatever the rate; upright, with square pixels, RGB by swscale (bicubic).
 * @throws BrokenPicture for what cannot be read whole; RescaledError where the program is not there
 */
export async function decodeVideo(path: string, request: ClipRequest): Promise<DecodedClip> {
  const limits = { ...CLIP_LIMITS, ...request.limits };
  const { start = 0, end } = request;
  const read = (from: number, frames: number, sides?: string): Promise<Run> =>
    runFfmpeg(path, request.side, { from, ...(end !== undefined && { length: end - from }), frames, sides }, limits);
  let run = await read(start, limits.frames + 1);
  let cut = false;
  if (run.errors.length === 0 && run.times.length > limits.frames) {
    cut = true;
    const total = Math.min(end ?? Number.POSITIVE_INFINITY, run.duration ?? 0) - start;
    const kept = run.times[limits.frames]! - run.times[0]!;
    run = total > kept ? await read(start + (total - kept) / 2, limits.frames) : run;
  }
  // The picture changes its size on the way: all frames as the first one.
  if (run.sides.size > 1) run = await read(start, limits.frames, [...run.sides][0]);
  checkRun(path, run, limits, start);
  const [side = '0x0'] = run.sides;
  const [width, height] = side.split('x').map(Number) as [number, number];
  const count = Math.min(limits.frames, run.times.length);
  const whole = Buffer.concat(run.data);
  if (whole.length < count * width * height * 3)
    throw new BrokenPicture(path, `it ended after ${whole.length} bytes of ${count} frames of ${side}`);
  const data = new Uint8Array(whole.buffer, whole.byteOffset, count * width * height * 3);
  return { data, width, height, times: rising(run.times.slice(0, count)), cut };
}

/** Times that do not rise are of no use: some files have none. */
function rising(times: number[]): number[] | undefined {
  for (let k = 1; k < times.length; k++) if (!(times[k]! > times[k - 1]!)) return undefined;
  return times;
}

/** @throws BrokenPicture where a run did not give what it should */
export function checkRun(
  path: string,
  { errors, code, signal, stopped, bytes }: Pick<Run, 'errors' | 'code' | 'signal' | 'stopped' | 'bytes'>,
  limits: ClipLimits,
  start = 0,
): void {
  if (stopped !== undefined) throw new BrokenPicture(path, stopped);
  const [first] = errors;
  if (first !== undefined) throw new BrokenPicture(path, reasonOf(errors.join('; '), limits));
  if (signal !== null || code !== 0)
    throw new BrokenPicture(path, `ffmpeg ${signal === null ? `left with code ${code}` : `was ended by ${signal}`}`);
  if (bytes === 0) throw new BrokenPicture(path, `it has no frames${start > 0 ? ` from ${start} s on` : ''}`);
}

/** What ffmpeg says, in one line. */
export function reasonOf(text: string, { memory }: ClipLimits): string {
  if (/not on whitelist/i.test(text)) return 'it is a picture, a playlist or another kind that is no video file';
  if (/matches no streams/i.test(text)) return 'it has no moving pictures, only sound or text';
  if (/moov atom not found/i.test(text))
    return 'it is no video, is cut off or was not written to its end (moov atom not found)';
  if (/partial file|truncat|end of file/i.test(text)) return `it is cut off (${brief(text)})`;
  if (/cannot allocate|out of memory/i.test(text)) return `its decoder asked for more than ${memory} bytes of memory`;
  if (/invalid data found/i.test(text)) return `it is no video that ffmpeg reads, or it is damaged (${brief(text)})`;
  return `ffmpeg: ${brief(text)}`;
}

const brief = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 160);

/** Upright frames whose shorter side is at most `side`, of square pixels. */
function scaleOf(side: number, sides: string | undefined): string {
  const flags = 'flags=bicubic+accurate_rnd+full_chroma_int';
  if (sides !== undefined) return `scale=${sides.replace('x', ':')}:${flags}`;
  const factor = `min(1,${side}/min(iw*clip(sar,0.25,4),ih))`;
  return `scale=w='max(1,trunc(iw*clip(sar,0.25,4)*${factor}+0.5))':h='max(1,trunc(ih*${factor}+0.5))':${flags}`;
}

export interface Window {
  from: number;
  length?: number;
  /** So many at most; undefined: all. */
  frames?: number;
  sides?: string | undefined;
}

/** Starts the program: frames come as bytes on its standard output, and what it tells of them on the other. */
export function startFfmpeg(path: string, side: number, window: Window, limits: ClipLimits) {
  const program = findFfmpeg();
  if (program === undefined) throw missingFfmpeg(path);
  const { from, length, frames, sides } = window;
  const args = [
    ...['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'level+info', '-threads', '1'],
    ...['-max_pixels', String(limits.pixels), '-protocol_whitelist', 'file', '-format_whitelist', CONTAINERS],
    ...(from > 0 ? ['-ss', from.toFixed(6)] : []),
    ...(length === undefined ? [] : ['-t', length.toFixed(6)]),
    ...['-i', `file:${resolve(path)}`, '-map', '0:V:0', '-an', '-sn', '-dn'],
    ...['-vf', `${scaleOf(side, sides)},setsar=1,format=rgb24,showinfo=checksum=0`],
    ...[
      '-fps_mode',
      'passthrough',
      ...(frames === undefined ? [] : ['-frames:v', String(frames)]),
      '-pix_fmt',
      'rgb24',
      '-f',
      'rawvideo',
      'pipe:1',
    ],
  ];
  const prlimit = findPrlimit();
  const [command, all] =
    prlimit === undefined ? [program, args] : [prlimit, [`--as=${limits.memory}`, program, ...args]];
  return spawn(command, all, { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
}

/** What the program tells, line by line, as it comes. @param told after each piece */
export function listen(child: ReturnType<typeof startFfmpeg>, into: Heard, told = (): void => {}): void {
  let rest = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split(/[\r\n]/);
    rest = lines.pop()!.slice(-10_000);
    for (const line of lines) heard(into, line);
    told();
  });
  child.stderr.once('end', () => heard(into, rest));
}

export const notStarted = (error: Error): RescaledError =>
  new RescaledError(`Cannot start ffmpeg: ${error.message}`, { cause: error });

export function runFfmpeg(path: string, side: number, window: Window, limits: ClipLimits): Promise<Run> {
  const child = startFfmpeg(path, side, window, limits);
  return new Promise((done, failed) => {
    const run: Run = {
      ...{ data: [], bytes: 0, times: [], sides: new Set(), duration: undefined, errors: [] },
      ...{ code: null, signal: null, stopped: undefined },
    };
    const stop = (reason: string): void => {
      run.stopped ??= reason;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => stop(`it was not decoded within ${limits.seconds} s`), 1000 * limits.seconds);
    child.stdout.on('data', (chunk: Buffer) => {
      run.bytes += chunk.length;
      if (run.bytes > limits.bytes) return stop(`its frames take more than ${limits.bytes} bytes`);
      run.data.push(chunk);
    });
    listen(child, run);
    child.once('error', (error) => {
      clearTimeout(timer);
      failed(notStarted(error));
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      done(Object.assign(run, { code, signal }));
    });
  });
}

const FRAME = /\] n: *\d+ pts: *\S+ pts_time:(\S+).* s:(\d+x\d+) /;
const DURATION = /^\[info\] {3}Duration: (\d+):(\d+):([\d.]+)/;
const WRONG = /^(?:\[[^\]]*\] )?\[(?:error|fatal|panic)\] (.*)$/;
/** About what is written, not what is read. */
const OF_WRITING = /non monotonically increasing dts|Conversion failed|Error while (?:filtering|decoding stream)/;

/** A line of what the program tells. */
function heard(run: Heard, line: string): void {
  const frame = FRAME.exec(line);
  if (frame !== null) {
    run.times.push(Number(frame[1]));
    run.sides.add(frame[2]!);
    return;
  }
  const duration = DURATION.exec(line);
  if (duration !== null) run.duration = 3600 * Number(duration[1]) + 60 * Number(duration[2]) + Number(duration[3]);
  const wrong = WRONG.exec(line);
  if (wrong === null || run.errors.length >= MOST_LINES) return;
  const text = wrong[1]!.replace(/^file:.*?: /, '').trim();
  if (text !== '' && !OF_WRITING.test(text) && !run.errors.includes(text)) run.errors.push(text);
}
