import { type StripFrame, stretchesOf, type VideoResult, type WindowPrediction } from '../deploy/video/told.js';
import { momentText } from '../deploy/video/words.js';
import { writeFileAtomic } from '../files.js';
import type { TimelinePage, TimelinePart, TimelineVideo } from '../report/timeline/report.js';
import { plural } from '../suggest.js';

/** Videos on a page, bars of a timeline, frames of a strip. */
const VIDEOS = 100;
const BARS = 500;
export const STRIP = 12;
/** The shorter side of a frame, in pixels. */
const SIDE = 96;

/** What the page of predicted videos is made of, gathered video by video. */
export class TimelineReport {
  readonly #videos: TimelineVideo[] = [];
  readonly #unread: { path: string; reason: string }[] = [];
  #more = 0;

  async add(result: VideoResult): Promise<void> {
    const { path, error } = result;
    if (error !== undefined) this.#unread.push({ path, reason: error });
    else if (this.#videos.length >= VIDEOS) this.#more++;
    else this.#videos.push(await videoOf(result));
  }

  /** @throws RescaledError when the file cannot be written */
  async write(file: string, about: Pick<TimelinePage, 'model' | 'facts'>): Promise<void> {
    const { renderTimeline } = await import('../report/timeline/report.js');
    const videos = this.#videos;
    const title = videos.length === 1 && this.#more === 0 ? videos[0]!.path : 'What videos show';
    const generatedAt = new Date().toISOString();
    writeFileAtomic(
      file,
      renderTimeline({ ...about, title, generatedAt, videos, more: this.#more, unread: this.#unread }),
    );
  }
}

async function videoOf({
  path,
  predictions,
  windows,
  frames = 1,
  fps,
  strip = [],
}: VideoResult): Promise<TimelineVideo> {
  const when = (tick: number): string => (fps === undefined ? `frame ${Math.round(tick)}` : momentText(tick / fps));
  return {
    ...{ path, predictions, windows: windows.length, parts: partsOf(windows, frames) },
    length: `${fps === undefined ? '' : `${(frames / fps).toFixed(2)} s, `}${plural(frames, 'frame')}`,
    strip: await Promise.all(strip.map(async (frame) => ({ uri: await thumbnail(frame), when: when(frame.tick) }))),
    ticks: [0, 0.25, 0.5, 0.75, 1].map((share) => when(share * frames)),
    stretches: stretchesOf(windows).map(({ startFrame, endFrame, label, probability }) => ({
      ...{ when: `${when(startFrame)} to ${when(endFrame)}`, label, probability },
      ...{ from: startFrame / frames, to: endFrame / frames },
    })),
  };
}

/** Windows side by side, where they overlap cut in the middle of that; of many some together, by the label of the highest sum. */
function partsOf(windows: readonly WindowPrediction[], frames: number): TimelinePart[] {
  const edges = windows.map(({ startFrame }, i) => {
    const before = windows[i - 1]?.endFrame ?? startFrame;
    return before > startFrame ? (before + startFrame) / 2 : startFrame;
  });
  const end = (i: number): number => Math.min(windows[i]!.endFrame, edges[i + 1] ?? frames);
  const together = Math.ceil(windows.length / BARS);
  return Array.from({ length: Math.ceil(windows.length / together) }, (_, part) => {
    const [first, last] = [part * together, Math.min(windows.length, (part + 1) * together) - 1];
    const sums = new Map<string, number>();
    for (const { label, probability } of windows.slice(first, last + 1))
      sums.set(label, (sums.get(label) ?? 0) + probability);
    const [label, sum] = [...sums].reduce((a, b) => (b[1] > a[1] ? b : a));
    return { from: edges[first]! / frames, to: end(last) / frames, label, probability: sum / (last - first + 1) };
  });
}

async function thumbnail({ data, width, height }: StripFrame): Promise<string> {
  const { default: sharp } = await import('sharp');
  const factor = Math.min(1, SIDE / Math.min(width, height));
  const jpeg = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize({
      width: Math.max(1, Math.round(width * factor)),
      height: Math.max(1, Math.round(height * factor)),
      fit: 'fill',
    })
    .jpeg({ quality: 82 })
    .toBuffer();
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
}
