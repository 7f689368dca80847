import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { cachedDataset } from '../../../src/data/cached.js';
import { openDataset } from '../../../src/data/dataset.js';
import { PATIENCE } from '../../../src/data/shards/remote.js';
import { readPixels, type Source } from '../../../src/data/sources/source.js';
import { photos, rejectsWith, temporaryFolder } from '../helpers.js';
import { FileServer, packed } from './helpers.js';

Object.assign(PATIENCE, { tries: 3, pauseMs: 2, longestMs: 1000 });
const root = temporaryFolder();
const cache = join(root, 'cache');
process.env['RESCALED_CACHE'] = cache;

const folder = await photos(join(root, 'folder'), { 'train/cat': 6, 'train/dog': 6, 'val/cat': 2, 'val/dog': 2 });
const shards = join(root, 'shards');
await packed([folder], { out: shards, size: 20_000 });
const local = await openDataset(shards);
const server = await FileServer.start();
for (const name of readdirSync(shards)) server.files.set(`/pets/${name}`, readFileSync(join(shards, name)));
const withoutIndexes = new Map([...server.files].filter(([name]) => !name.endsWith('.index')));
const all = new Map(server.files);

const sum = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const bytesOf = (source: Source): Promise<string[]> =>
  Promise.all(Array.from({ length: source.length }, async (_, i) => sum(await source.encoded!.read(i))));

function fill(files: ReadonlyMap<string, Buffer>): void {
  server.files.clear();
  for (const [name, content] of files) server.files.set(name, content);
}

beforeEach(() => {
  rmSync(cache, { recursive: true, force: true });
  fill(all);
  server.seen.length = server.tricks.length = 0;
  server.etag = '"1"';
  server.ranges = true;
});

for (const address of ['/pets/shards.json', '/pets', '/pets/', '/pets/shards.json?key=secret'])
  test(`${address} is the data set that lies there`, async () => {
    const dataset = await openDataset(server.address + address);
    assert.equal(dataset.name, 'pets');
    assert.equal(dataset.fingerprint, local.fingerprint);
    assert.deepEqual(dataset.classes, ['cat', 'dog']);
    assert.deepEqual([...dataset.train!.labels], [...local.train!.labels]);
    assert.deepEqual(await bytesOf(dataset.train!), await bytesOf(local.train!));
    assert.deepEqual(await bytesOf(dataset.val), await bytesOf(local.val));
    assert.equal(dataset.train!.describe(0), `${server.address}/pets/train-000000.tar#000000.jpg`);
    assert.doesNotMatch(dataset.train!.describe(0), /secret/);
  });

test('with indexes on the server a picture is one request of its bytes and header', async () => {
  const { val } = await openDataset(`${server.address}/pets`);
  server.seen.length = 0;
  const bytes = await val.encoded!.read(1);
  assert.equal(server.seen.length, 1);
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(server.seen[0]!.range!)!;
  assert.equal(Number(to) - Number(from) + 1, bytes.length + 512);
});

test('without indexes shards are read through once, and the indexes kept', async () => {
  fill(withoutIndexes);
  const dataset = await openDataset(`${server.address}/pets`);
  assert.equal(dataset.fingerprint, local.fingerprint);
  assert.deepEqual(await bytesOf(dataset.val), await bytesOf(local.val));
  server.seen.length = 0;
  await openDataset(`${server.address}/pets`);
  assert.ok(server.seen.every(({ path }) => !path.endsWith('.index')));
  // The manifest, and of each shard the first header, which says whether it is the same.
  assert.ok(server.seen.every(({ range, path }) => range === 'bytes=0-511' || path.endsWith('.json')));
});

test('patterns of addresses, and the names of classes beside them', async () => {
  const train = local.train!.length;
  const pattern = `${server.address}/pets/{train-000000,train-000001,val-000000}.tar`;
  const named = await openDataset(pattern);
  assert.deepEqual(named.classes, ['cat', 'dog']);
  assert.ok(named.train!.length < train && named.val.length === 4);
  server.files.delete('/pets/shards.json');
  assert.deepEqual((await openDataset(pattern)).classes, ['0', '1']);
  server.files.set('/pets/classes.txt', Buffer.from('Katze\nHund\n'));
  assert.deepEqual((await openDataset(pattern)).classes, ['Katze', 'Hund']);
});

test('decoded pictures of a server are kept, and not asked for again', async () => {
  const dataset = await cachedDataset(await openDataset(`${server.address}/pets`), 16);
  assert.equal(dataset.note, undefined);
  server.seen.length = 0;
  const one = await readPixels(dataset.train!, 3, 16);
  assert.equal(server.seen.length, 0);
  assert.deepEqual(one.data, (await readPixels(local.train!, 3, 16)).data);
});

test('what breaks off, answers badly or asks to wait is tried again', async () => {
  const { val } = await openDataset(`${server.address}/pets`);
  const expected = (await bytesOf(local.val))[2];
  const cut: FileServer['tricks'][number] = (_, response) => {
    response.writeHead(206, { etag: '"1"', 'content-range': 'bytes 0-99999/200000', 'content-length': 100_000 });
    response.write('half');
    setImmediate(() => response.destroy());
    return true;
  };
  const status =
    (code: number, headers = {}): FileServer['tricks'][number] =>
    (_, response) => {
      response.writeHead(code, headers).end();
      return true;
    };
  const wrong: FileServer['tricks'][number] = (_, response) => {
    const { length } = all.get('/pets/val-000000.tar')!;
    response.writeHead(206, { etag: '"1"', 'content-range': `bytes 0-511/${length}` }).end(Buffer.alloc(512));
    return true;
  };
  const short: FileServer['tricks'][number] = (request, response) => {
    const { length } = all.get('/pets/val-000000.tar')!;
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range!)!;
    response.writeHead(206, { etag: '"1"', 'content-range': `bytes ${from}-${to}/${length}` }).end('short');
    return true;
  };
  for (const [name, trick] of Object.entries({
    cut,
    busy: status(503),
    wait: status(429, { 'retry-after': '0' }),
    wrong,
    short,
  })) {
    server.tricks.push(trick, trick);
    assert.equal(sum(await val.encoded!.read(2)), expected, name);
    assert.equal(server.tricks.length, 0, name);
  }
  server.tricks.push(wrong, wrong, wrong);
  await rejectsWith(val.encoded!.read(2), 1, /Gave up after 3 tries: .* sends another part than was asked for/);
  server.tricks.push(status(403));
  await rejectsWith(val.encoded!.read(2), 1, /answers 403: it is not for everybody/);
});

test('a shard that has changed, gone or grown is noticed', async () => {
  const { val } = await openDataset(`${server.address}/pets`);
  server.etag = '"2"';
  await rejectsWith(val.encoded!.read(0), 1, /val-000000\.tar: it has changed since it was looked at/);
  server.etag = '"1"';
  server.files.set('/pets/val-000000.tar', Buffer.concat([all.get('/pets/val-000000.tar')!, Buffer.alloc(512)]));
  await rejectsWith(val.encoded!.read(0), 1, /it has changed/);
  await rejectsWith(openDataset(`${server.address}/pets`), 1, /it has \d+ bytes, and the manifest says \d+/);
  server.files.delete('/pets/val-000000.tar');
  await rejectsWith(val.encoded!.read(0), 1, /no such file on the server \(404\)/);
});

test('an index of other shards on the server is not believed', async () => {
  server.files.set('/pets/val-000000.tar.index', all.get('/pets/train-000000.tar.index')!);
  const dataset = await openDataset(`${server.address}/pets`);
  assert.deepEqual(await bytesOf(dataset.val), await bytesOf(local.val));
});

test('a server without ranges, a wrong address and a password are refused in words', async () => {
  server.ranges = false;
  await rejectsWith(
    openDataset(`${server.address}/pets`),
    1,
    /its server sends whole files only \(200 in place of 206\)/,
  );
  server.ranges = true;
  await rejectsWith(
    openDataset(`${server.address}/cats`),
    2,
    /Expected a manifest of shards at .*\/cats\/shards\.json but there is none/,
  );
  await rejectsWith(
    openDataset(`${server.address}/pets/no-{0..1}.tar`),
    1,
    /no-0\.tar: there is no such file on the server/,
  );
  await rejectsWith(openDataset(server.address.replace('//', '//me:secret@')), 2, /without a name and password/);
  server.files.set('/pets/shards.json', Buffer.from('<html>'));
  await rejectsWith(openDataset(`${server.address}/pets`), 2, /it is no JSON/);
  const away: FileServer['tricks'][number] = (_, response) => {
    response.writeHead(302, { location: 'http://192.0.2.1/shards.json' }).end();
    return true;
  };
  server.tricks.push(away);
  await rejectsWith(openDataset(`${server.address}/pets`), 1, /only encrypted addresses/);
});
