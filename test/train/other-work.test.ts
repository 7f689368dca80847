import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CoreTimes, coreTimes, OtherWork, takenByOthers } from '../../src/train/other-work.js';

const start: CoreTimes = { cores: 2, clock: 1000, busy: 70_000, own: 5000 };
/** Ten seconds later; `busy` and `own` in cores. */
const later = (busy: number, own: number, cores = 2): CoreTimes => ({
  cores,
  clock: start.clock + 10_000,
  busy: start.busy + 10_000 * busy,
  own: start.own + 10_000 * own,
});

test('other work counts where no core is idle and our threads get less than they could use', () => {
  assert.equal(takenByOthers(start, later(2, 0.9), 2)?.toFixed(3), '1.100');
  assert.equal(takenByOthers(start, later(2, 1.9), 2), undefined, 'next to nothing');
  assert.equal(takenByOthers(start, later(1.6, 1), 2), undefined, 'cores are idle: something else holds it up');
  assert.equal(takenByOthers(start, later(2, 1), 1), undefined, 'one thread has its core');
  assert.equal(takenByOthers(start, later(64, 61, 64), 128), undefined, 'a twentieth of a large machine');
  assert.equal(takenByOthers(start, later(64, 44, 64), 64), 20);
});

test('it is told once, after ten seconds of it', () => {
  let now = 0;
  let busy = 0;
  let reads = 0;
  // Two cores, of which this process gets one.
  const read = (): CoreTimes => (reads++, { cores: 2, clock: now, busy, own: now });
  const work = new OtherWork(2, read, () => now);
  const notes: string[] = [];
  const run = (seconds: number, cores: number): void => {
    for (let i = 0; i < 10 * seconds; i++) {
      const note = work.note();
      if (note !== undefined) notes.push(note);
      now += 100;
      busy += 100 * cores;
    }
  };
  run(25, 1.2);
  assert.deepEqual(notes, []);
  assert.equal(reads, 3, 'the system is asked every ten seconds');
  run(60, 2);
  assert.deepEqual(notes, ['other work takes about 1 of the 2 cores: training is slower for it']);
});

test('a system that does not say is not asked to', () => {
  let now = 0;
  const work = new OtherWork(
    2,
    () => undefined,
    () => now,
  );
  for (; now < 50_000; now += 1000) assert.equal(work.note(), undefined);
});

test('the times of this machine grow', async () => {
  const before = coreTimes();
  if (before === undefined) return;
  for (const end = performance.now() + 100; performance.now() < end; );
  const after = coreTimes()!;
  assert.ok(after.clock > before.clock && after.own > before.own && after.busy >= before.busy);
});
