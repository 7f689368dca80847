import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BrokenPicture } from '../../../src/data/decoding/decode.js';
import { decodeClip } from '../../../src/data/video/decode.js';
import { inOrder } from '../../../src/data/video/frame-folder.js';
import { type DecodedClip, storedSide, type VideoFrame } from '../../../src/data/video/limits.js';
import { findFfmpeg, missingFfmpeg } from '../../../src/data/video/programs.js';
import { clipFrames } from '../../../src/data/video/stream.js';
import { temporaryFolder } from '../helpers.js';
import { animation, frameFolder, square, turned, videoFile, withoutFfmpeg } from './helpers.js';

const root = temporaryFolder();
const SIDE = 32;
const FRAMES = 12;
const grey = square(FRAMES, SIDE, 2);
const file = (name: string): string => join(root, name);
await animation(file('a.gif'), grey, SIDE, 100);
await animation(file('a.webp'), grey, SIDE, 100);
await frameFolder(file('folder'), grey, SIDE);

/** Grey of all frames; channels are alike. */
const greyOf = ({ data }: DecodedClip): number[] => Array.from({ length: data.length / 3 }, (_, i) => data[3 * i]!);
const reasonOf = async (name: string, request = {}): Promise<string> => {
  const error = await decodeClip(file(name), { side: 64, ...request }).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof BrokenPicture, `${name} was read`);
  return error.reason;
};

test('folder, GIF and WebP give the same frames', async () => {
  for (const name of ['folder', 'a.gif', 'a.webp']) {
    const clip = await decodeClip(file(name), { side: 64 });
    assert.deepEqual([clip.width, clip.height, clip.cut], [SIDE, SIDE, false]);
    assert.deepEqual(greyOf(clip), [...grey], name);
    assert.deepEqual(
      clip.times?.map((time) => Math.round(10 * time)),
      name === 'folder' ? undefined : Array.from({ length: FRAMES }, (_, k) => k),
    );
  }
});

test('frames are in the order of their numbers, reduced to the side that is kept, and at most so many', async () => {
  assert.deepEqual(['10.jpg', '2.jpg', 'a1b3.png', 'a1b10.png', '1.jpg'].sort(inOrder), [
    ...['1.jpg', '2.jpg', '10.jpg', 'a1b3.png', 'a1b10.png'],
  ]);
  assert.deepEqual([28, 64, 112, 224].map(storedSide), [32, 76, 128, 256]);
  for (const name of ['folder', 'a.gif', 'a.webp']) {
    const { width, height, data, cut } = await decodeClip(file(name), { side: 16, limits: { frames: 5 } });
    assert.deepEqual([width, height, data.length, cut], [16, 16, 5 * 3 * 256, true]);
    // The middle five of twelve: the square begins with the fourth, at 6 of 32 pixels.
    assert.ok(data[3 * (16 * 6 + 4)]! > 200 && data[3 * (16 * 6 + 1)]! < 50, name);
  }
  const { data } = await decodeClip(file('a.gif'), { side: 64, start: 0.35, end: 0.75 });
  assert.equal(data.length, 4 * 3 * SIDE * SIDE);
});

test('delays of an animation are its times, and none is as browsers show it', async () => {
  await animation(file('delays.gif'), square(4, SIDE, 2), SIDE, [50, 0, 200, 50]);
  const { times } = await decodeClip(file('delays.gif'), { side: 64 });
  assert.deepEqual(
    times!.map((time) => Math.round(100 * time)),
    [0, 5, 15, 35],
  );
});

test('what cannot be read is told in a line', async () => {
  const gif = readFileSync(file('a.gif'));
  writeFileSync(file('cut.gif'), gif.subarray(0, gif.length - 200));
  writeFileSync(file('cut.webp'), readFileSync(file('a.webp')).subarray(0, -20));
  writeFileSync(file('empty.mp4'), '');
  assert.match(await reasonOf('cut.gif'), /animation that is cut off/);
  assert.match(await reasonOf('cut.webp'), /animation that is cut off/);
  assert.match(await reasonOf('empty.mp4'), /0 bytes/);
  assert.match(await reasonOf('nothing.mp4'), /no such file/);
  assert.match(await reasonOf('a.gif', { start: 9 }), /no frames from 9 s on/);
  assert.match(await reasonOf('folder', { start: 1 }), /no times/);
  assert.match(await reasonOf('a.gif', { limits: { bytes: 1000 } }), /more than 1000 bytes/);
  const line = missingFfmpeg('3 video files (.mp4)', {}).message;
  assert.match(line, /ffmpeg on the PATH to read 3 video files \(\.mp4\) but it is not there\. Install it: /);
});

test('video files: the same frames, at any rate, upright, from any second', { skip: withoutFfmpeg }, async () => {
  videoFile(file('a.mkv'), grey, SIDE);
  const plain = await decodeClip(file('a.mkv'), { side: 64 });
  assert.deepEqual(greyOf(plain), [...grey]);
  assert.deepEqual(
    plain.times!.map((time) => Math.round(10 * time)),
    Array.from({ length: FRAMES }, (_, k) => k),
  );
  const { data: part } = await decodeClip(file('a.mkv'), { side: 64, start: 0.45, end: 0.85 });
  assert.deepEqual(Buffer.from(part), Buffer.from(plain.data.subarray(5 * 3 * SIDE ** 2, 9 * 3 * SIDE ** 2)));
  const middle = await decodeClip(file('a.mkv'), { side: 64, limits: { frames: 4 } });
  assert.deepEqual([middle.cut, middle.data.length], [true, 4 * 3 * SIDE ** 2]);
  assert.deepEqual(Buffer.from(middle.data), Buffer.from(plain.data.subarray(4 * 3 * SIDE ** 2, 8 * 3 * SIDE ** 2)));

  // Frames 3 to 6 are left out: what is there is not filled up.
  videoFile(file('vary.mkv'), grey, SIDE, [
    ...['-vf', "select='not(between(n,3,6))'", '-fps_mode', 'passthrough', '-c:v', 'ffv1', '-pix_fmt', 'gray'],
  ]);
  const vary = await decodeClip(file('vary.mkv'), { side: 64 });
  assert.deepEqual(
    vary.times!.map((time) => Math.round(10 * time)),
    [0, 1, 2, 7, 8, 9, 10, 11],
  );

  videoFile(file('flat.mp4'), grey, SIDE, ['-vf', 'crop=32:16:0:0', '-c:v', 'mpeg4']);
  turned(file('flat.mp4'), file('lying.mp4'));
  const upright = await decodeClip(file('lying.mp4'), { side: 64 });
  assert.deepEqual([upright.width, upright.height], [16, 32]);
});

test('video files that are none, or not whole', { skip: withoutFfmpeg }, async () => {
  videoFile(file('whole.mp4'), square(200, SIDE, 0.1), SIDE, ['-c:v', 'mpeg4', '-movflags', '+faststart']);
  const whole = readFileSync(file('whole.mp4'));
  writeFileSync(file('cut.mp4'), whole.subarray(0, whole.length - 2000));
  videoFile(file('whole.avi'), square(20, SIDE, 0.1), SIDE, ['-c:v', 'mpeg4']);
  writeFileSync(file('cut.avi'), readFileSync(file('whole.avi')).subarray(0, -1500));
  writeFileSync(file('text.mp4'), 'some words');
  writeFileSync(file('photo.mp4'), readFileSync(join(file('folder'), '1.png')));
  writeFileSync(file('list.mp4'), `ffconcat version 1.0\nfile ${file('whole.mp4')}\n`);
  assert.match(await reasonOf('cut.mp4'), /cut off/);
  assert.equal((await decodeClip(file('whole.avi'), { side: 16 })).times!.length, 20);
  assert.match(await reasonOf('cut.avi'), /cut off: it has \d+ bytes, fewer than it says/);
  assert.match(await reasonOf('text.mp4'), /no video/);
  assert.match(await reasonOf('photo.mp4'), /no video/);
  assert.match(await reasonOf('list.mp4'), /no video/);
  assert.match(await reasonOf('whole.mp4', { limits: { seconds: 0.001 } }), /not decoded within/);
  assert.match(await reasonOf('whole.mp4', { limits: { pixels: 100 } }), /ffmpeg|damaged|pixel/i);
});

test('one by one: the frames and times that are decoded together, or the same reason', async () => {
  const names = withoutFfmpeg ? [] : ['a.mkv', 'vary.mkv', 'lying.mp4', 'cut.mp4', 'sound.wav', 'both.ts'];
  if (!withoutFfmpeg) {
    writeFileSync(file('sound.wav'), readFileSync(file('a.gif')).subarray(3));
    // The picture changes its size on the way.
    const parts = [32, 48].map((own) => {
      videoFile(file('part.ts'), square(5, own, 2), own, ['-r', '25', '-c:v', 'mpeg2video']);
      return readFileSync(file('part.ts'));
    });
    writeFileSync(file('both.ts'), Buffer.concat(parts));
    const { width, height, data } = await decodeClip(file('both.ts'), { side: 64 });
    assert.deepEqual([width, height], [32, 32]);
    assert.ok(data.length > 7 * 3 * 32 ** 2);
  }
  for (const name of ['folder', 'a.gif', 'a.webp', 'delays.gif', 'cut.gif', 'nothing.mp4', ...names])
    for (const side of name.startsWith('a.') ? [64, 16] : [64]) {
      const whole = await decodeClip(file(name), { side }).catch((error: BrokenPicture) => error.reason);
      const frames: VideoFrame[] = [];
      const reason = await (async () => {
        for await (const frame of clipFrames(file(name), { side })) frames.push(frame);
        return undefined;
      })().catch((error: BrokenPicture) => error.reason);
      if (typeof whole === 'string') {
        assert.equal(reason, whole, name);
        continue;
      }
      assert.equal(reason, undefined, name);
      assert.ok(frames.every(({ width, height }) => width === whole.width && height === whole.height));
      assert.ok(Buffer.concat(frames.map(({ data }) => data)).equals(Buffer.from(whole.data)), `${name} at ${side}`);
      assert.deepEqual(whole.times ?? [], whole.times === undefined ? [] : frames.map(({ time }) => time), name);
    }
});

test('a long video takes no more memory than a short one', { skip: withoutFfmpeg }, async () => {
  const side = 128;
  const { status } = spawnSync(findFfmpeg()!, [
    ...['-v', 'error', '-y', '-f', 'lavfi', '-i', `color=c=red:size=${side}x${side}:rate=50:duration=80`],
    ...['-c:v', 'mpeg4', file('long.mp4')],
  ]);
  assert.equal(status, 0);
  const before = process.memoryUsage().rss;
  let [frames, bytes, most] = [0, 0, 0];
  for await (const { data } of clipFrames(file('long.mp4'), { side })) {
    frames++;
    bytes += data.length;
    if (frames % 100 === 0) most = Math.max(most, process.memoryUsage().rss - before);
  }
  assert.equal(frames, 4000);
  assert.ok(most < bytes / 3, `${most} bytes more while ${bytes} went by`);
  // Who leaves early ends the decoder.
  for await (const { time } of clipFrames(file('long.mp4'), { side })) if (time! > 1) break;
});
