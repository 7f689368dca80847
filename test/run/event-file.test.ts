import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { decodeEvents, type Event, encodeEvent } from '../../src/run/event-file.js';
import { readScalars } from '../fixtures/event-reader.js';
import { fixturePath } from '../fixtures/open.js';

/** Made by TensorBoard's own package. */
const file = readFileSync(fixturePath('tensorboard.tfevents'));
const { events, read } = JSON.parse(readFileSync(fixturePath('tensorboard.json'), 'utf8')) as {
  events: Event[];
  read: Record<string, [number, number, number][]>;
};

describe('event files', () => {
  it("have the bytes that TensorBoard's package writes", () => {
    assert.equal(Buffer.concat(events.map(encodeEvent)).toString('hex'), file.toString('hex'));
  });
  it('are read back', () => {
    const found = [...decodeEvents(file)];
    assert.deepEqual(
      found.map(({ event }) => event),
      events,
    );
    assert.equal(found.at(-1)!.end, file.length);
  });
  it('are read up to what is cut off or damaged', () => {
    const { end } = [...decodeEvents(file)][2]!;
    const damaged = Buffer.from(file);
    damaged[end + 14]! ^= 1;
    const endless = Buffer.from(file);
    endless[end + 4] = 1;
    for (const bytes of [file.subarray(0, end + 30), file.subarray(0, end + 5), damaged, endless])
      assert.equal([...decodeEvents(bytes)].length, 3);
  });
  it("are read by the test's own reader as TensorBoard reads them", () => {
    const scalars = readScalars(file);
    const tags = [...new Set(scalars.map(({ tag }) => tag))];
    assert.deepEqual(
      Object.fromEntries(
        tags.map((tag) => [
          tag,
          scalars.filter((one) => one.tag === tag).map(({ step, wallTime, value }) => [step, wallTime, value]),
        ]),
      ),
      read,
    );
  });
});
