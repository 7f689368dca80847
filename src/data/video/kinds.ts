import { extname } from 'node:path';

/** Endings of video files, which ffmpeg reads; lower case. */
export const VIDEO_EXTENSIONS: ReadonlySet<string> = new Set(
  (
    '.mp4 .m4v .mov .qt .mkv .webm .avi .mpg .mpeg .mpe .m2v .m1v .ts .mts .m2ts .vob .flv .f4v .wmv .asf .ogv .ogg ' +
    '.3gp .3g2 .dv .mxf .ivf .mjpeg .mjpg .h264 .264 .hevc .265 .y4m .rm .rmvb .nut .swf .wtv .apng'
  ).split(' '),
);

/** Animations that sharp reads. */
export const ANIMATION_EXTENSIONS: ReadonlySet<string> = new Set(['.gif', '.webp']);

/** `.mp4` of `a/Wave.MP4`; '' where there is none. */
export const endingOf = (name: string): string => extname(name).toLowerCase();

/** Whether a file by its name is a whole clip. */
export function isClipName(name: string): boolean {
  const ending = endingOf(name);
  return VIDEO_EXTENSIONS.has(ending) || ANIMATION_EXTENSIONS.has(ending);
}

/** The last sentence of errors about folders without clips. */
export const CLIP_KINDS =
  'Clips are video files (.mp4, .mkv, .avi, ...), animations (.gif, .webp, .apng) or folders of numbered pictures.';
