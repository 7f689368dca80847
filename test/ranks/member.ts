// One rank of test/ranks/group.test.ts: prints what it finds as JSON.
//   member.js RANK WORLD PORT [MODE] [HOST]
// MODE: die, stop, fail (what rank 1 does), agree (rank 1 has other options), link (all go on until they miss each other), sets=FOLDER (measures and
// learns what is in it)
import { joinRanks, settleLibrary } from '../../src/ranks/join.js';
import type { RankPlace } from '../../src/ranks/place.js';
import { call, fromTypedArray, setThreads, type Tensor } from '../../src/torch/index.js';
import { Ranks } from '../../src/train/step/ranks.js';

const [rank = 0, world = 1, port = 0] = process.argv.slice(2, 5).map(Number);
const [mode, host = '127.0.0.1'] = process.argv.slice(5);
settleLibrary();
setThreads(1);
const vector = (...values: number[]): Tensor => fromTypedArray(Float32Array.from(values), [values.length]);
const said: Record<string, unknown> = {};
try {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const place: RankPlace = {
    rank,
    world,
    localRank: rank,
    localWorld: world,
    host,
    port,
    launcher: 'torchrun',
  };
  const group = await joinRanks(place, process.env);
  said['ticks'] = ticks > 0;
  clearInterval(timer);
  const ranks = new Ranks(group);
  ranks.doing = 'the test';

  const sum = vector(rank, 1);
  const largest = vector(rank, -rank);
  await group.allReduce([sum]);
  await group.allReduce([largest], 'max');
  const first = vector(10 * (rank + 1));
  await ranks.same([first]);
  const gathered = await group.allGather(vector(rank));
  Object.assign(said, {
    sum: [...sum.data()],
    largest: [...largest.data()],
    first: [...first.data()],
    gathered: gathered.map((one) => one.data()[0]),
    chief: await ranks.fromChief('word', rank === 0 ? { word: 'hello' } : undefined),
    texts: await ranks.toChief('texts', `of ${rank}`),
    joined: [...(await ranks.joined(new Float64Array(3 * rank).fill(rank)))],
    any: [await ranks.any(rank === 1), await ranks.any(false)],
  });

  // Three parameters, one of them channels_last and one without a gradient; buckets of one parameter each.
  const weight = call<Tensor>(
    'aten::contiguous',
    [
      fromTypedArray(
        Float32Array.from({ length: 24 }, (_, i) => i - 12),
        [2, 3, 2, 2],
      ),
    ],
    {
      memory_format: 'channels_last',
    },
  );
  const [bias, unused] = [vector(1, 2), vector(5)];
  for (const parameter of [weight, bias, unused]) parameter.requiresGrad = true;
  const tail = vector(rank + 1, 7);
  const reducer = group.reducer([weight, bias, unused], tail, { bucketBytes: 4, firstBytes: 4 });
  const backward = (): void => {
    const squares = call<Tensor>('aten::sum', [call('aten::mul.Tensor', [weight, weight])]);
    const plain = call<Tensor>('aten::sum', [call('aten::mul.Scalar', [bias, rank + 1])]);
    call<Tensor>('aten::add.Tensor', [squares, plain]).backward();
  };
  backward(); // an earlier part of the step: it counts, and is not sent by itself
  reducer.arm();
  backward();
  await reducer.finish();
  Object.assign(said, {
    buckets: reducer.buckets,
    weight: [...weight.grad!.data()],
    bias: [...bias.grad!.data()],
    unused: [...unused.grad!.data()],
    tail: [...tail.data()],
  });
  if (mode?.startsWith('sets=')) {
    const folder = mode.slice('sets='.length);
    const { measureTasks } = await import('./measured.js');
    said['measured'] = await measureTasks(ranks, folder, world === 2 ? undefined : ['detect']);
    const { learnTogether } = await import('./steps.js');
    if (world === 2) said['steps'] = await learnTogether(ranks, folder);
  }
  if (mode === 'agree') await ranks.agree({ version: 'one', options: rank === 1 ? 'another' : 'the same' });
  if (rank === 1 && mode === 'die') process.kill(process.pid, 'SIGKILL');
  if (rank === 1 && mode === 'stop') process.kill(process.pid, 'SIGSTOP');
  if (rank === 1 && mode === 'fail') {
    await ranks.fail(new Error('no pictures here'));
    process.exit(3);
  }
  ranks.doing = 'step 12';
  if (mode === 'link') {
    process.stderr.write('ready\n');
    for (;;) await ranks.any(false);
  }
  await ranks.any(false);
  await ranks.leave();
} catch (error) {
  const { name, message, exitCode } = error as Error & { exitCode?: number };
  said['error'] = { name, message, exitCode };
  if (mode === 'agree') await new Ranks().fail(error);
}
process.stdout.write(`${JSON.stringify(said)}\n`, () => process.exit());
