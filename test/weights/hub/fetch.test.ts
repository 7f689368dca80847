import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { RescaledError } from '../../../src/errors.js';
import { fetchWeights, weightsHere } from '../../../src/weights/hub/fetch.js';
import { freshCaches, QUICK, someBytes } from './helpers.js';
import { COMMIT, FakeHub, redirect, sha256, status } from './server.js';

const folder = freshCaches();
const NAME = 'hf:tiny/model';
const bytes = someBytes(300_000);
let hub: FakeHub;
before(() => (hub = new FakeHub()).start());
after(() => hub.stop());
beforeEach(() => {
  hub.seen.length = hub.hubTricks.length = hub.cdnTricks.length = 0;
  hub.linked = {};
  hub.cdnEtag = '"cdn-1"';
  hub.add('tiny/model', 'model.safetensors', bytes);
  process.env['HF_ENDPOINT'] = hub.hub;
});

const repository = (): string => join(folder(), 'hf', 'hub', 'models--tiny--model');
const partial = (): string => join(repository(), 'blobs', `${sha256(bytes)}.rescaled.incomplete`);
const fetched = (name = NAME, more = {}): Promise<string> => fetchWeights(name, { patience: QUICK, ...more });
const to = (host: string): number => hub.seen.filter((one) => one.host === host).length;

async function refused(pattern: RegExp, work: Promise<unknown> = fetched()): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof RescaledError, String((error as Error).stack));
    assert.match(error.message, pattern);
    assert.doesNotMatch(error.message, /\n|secret/);
    return true;
  });
  assert.equal(weightsHere(NAME), undefined, 'nothing half-written is taken for whole');
}

describe('a file of the hub', () => {
  test("lies where the hub's own programs look for it, and is not asked for again", async () => {
    assert.equal(weightsHere(NAME), undefined);
    const path = await fetched();
    assert.equal(path, join(repository(), 'snapshots', COMMIT, 'model.safetensors'));
    assert.equal(readlinkSync(path), join('..', '..', 'blobs', sha256(bytes)));
    assert.deepEqual(readFileSync(path), bytes);
    assert.equal(readFileSync(join(repository(), 'refs', 'main'), 'utf8'), COMMIT);
    assert.deepEqual(readdirSync(join(repository(), 'blobs')), [sha256(bytes)]);
    assert.deepEqual(
      hub.seen.map(({ host, method }) => [host, method]),
      [
        ['hub', 'HEAD'],
        ['cdn', 'GET'],
      ],
    );
    assert.equal(await fetched(), path);
    assert.equal(await fetched(`hf:tiny/model@${COMMIT}`), path);
    assert.equal(weightsHere(NAME), path);
    assert.equal(hub.seen.length, 2);
  });

  test('one that another program has fetched is used without a request, offline too', async () => {
    const path = join(repository(), 'snapshots', COMMIT, 'model.safetensors');
    const blob = join(repository(), 'blobs', sha256(bytes));
    for (const file of [path, blob, join(repository(), 'refs', 'main')]) mkdirSync(dirname(file), { recursive: true });
    writeFileSync(blob, bytes);
    symlinkSync(join('..', '..', 'blobs', sha256(bytes)), path);
    writeFileSync(join(repository(), 'refs', 'main'), COMMIT);
    process.env['HF_HUB_OFFLINE'] = '1';
    assert.equal(await fetched(), path);
    assert.equal(hub.seen.length, 0);
    // A link whose blob is gone is no file.
    rmSync(blob);
    assert.equal(weightsHere(NAME), undefined);
    delete process.env['HF_HUB_OFFLINE'];
    assert.deepEqual(readFileSync(await fetched()), bytes);
  });

  test('small files come from the hub itself, under the hash that Git has of them', async () => {
    hub.add('tiny/model', 'folder/config.json', Buffer.from('{"small": true}'));
    const path = await fetched('hf:tiny/model@v1.0/folder/config.json');
    assert.equal(readFileSync(path, 'utf8'), '{"small": true}');
    assert.ok(existsSync(join(repository(), 'refs', 'v1.0')));
    hub.add('tiny/model', 'other.json', Buffer.from('{"other": true}'));
    hub.hubTricks.push(
      () => undefined,
      (_, response) => {
        response.writeHead(200, { 'content-length': 15 }).end('{"other": TRUE}');
        return true;
      },
    );
    await assert.rejects(fetched('hf:tiny/model/other.json'), /the Git hash of .* deleted/);
  });

  test('the token goes to the hub alone', async () => {
    process.env['HF_TOKEN'] = 'hf_secret';
    await fetched();
    assert.deepEqual(
      hub.seen.map(({ host, authorization }) => [host, authorization]),
      [
        ['hub', 'Bearer hf_secret'],
        ['cdn', undefined],
      ],
    );
  });

  test('a repository that has moved: redirects of the hub to itself are followed', async () => {
    hub.add('new/name', 'model.safetensors', bytes);
    hub.hubTricks.push(status(307, { location: '/new/name/resolve/main/model.safetensors' }));
    assert.deepEqual(readFileSync(await fetched()), bytes);
  });

  test('HF_HUB_CACHE wins over HF_HOME', async () => {
    process.env['HF_HUB_CACHE'] = join(folder(), 'elsewhere');
    assert.ok((await fetched()).startsWith(join(folder(), 'elsewhere', 'models--tiny--model')));
  });
});

describe('what breaks off goes on', () => {
  test('within one call, from where it broke off, if the file is still the same', async () => {
    const shares: number[] = [];
    const said: string[] = [];
    hub.cdnTricks.push(hub.cutAfter(bytes, 100_000), hub.cutAfter(bytes, 50_000));
    await fetched(NAME, { progress: (done: number) => shares.push(done), say: (text: string) => said.push(text) });
    const asked = hub.seen.filter(({ host }) => host === 'cdn');
    assert.deepEqual(
      asked.map(({ range, ifRange }) => [range, ifRange]),
      [
        [undefined, undefined],
        ['bytes=100000-', '"cdn-1"'],
        ['bytes=150000-', '"cdn-1"'],
      ],
    );
    assert.deepEqual(
      shares,
      [...shares].sort((a, b) => a - b),
    );
    assert.equal(shares.at(-1), bytes.byteLength);
    assert.match(said[0]!, /broke off.*trying again in 1 s/);
  });

  test('in a later call', async () => {
    hub.cdnTricks.push(hub.cutAfter(bytes, 120_000));
    await refused(/Gave up after 1 tries: .*broke off/, fetched(NAME, { patience: { ...QUICK, tries: 1 } }));
    assert.equal(readFileSync(partial()).byteLength, 120_000);
    await fetched();
    assert.equal(hub.seen.at(-1)!.range, 'bytes=120000-');
    assert.deepEqual(readdirSync(join(repository(), 'blobs')), [sha256(bytes)]);
  });

  test('anew where the server knows no ranges, has another etag, none or a weak one, or gives another part', async () => {
    const cut = hub.cutAfter(bytes, 100_000);
    const plain = (_: unknown, response: import('node:http').ServerResponse) => {
      response.writeHead(200, { 'content-length': bytes.byteLength }).end(bytes);
      return true;
    };
    const wrongPart = (_: unknown, response: import('node:http').ServerResponse) => {
      response.writeHead(206, { 'content-range': `bytes 0-9/${bytes.byteLength}`, 'content-length': 10 });
      response.end(bytes.subarray(0, 10));
      return true;
    };
    const changed = () => {
      hub.cdnEtag = '"cdn-2"';
      return false;
    };
    for (const [tricks, ranges] of [
      [
        [cut, plain],
        [undefined, 'bytes=100000-'],
      ],
      [
        [cut, changed],
        [undefined, 'bytes=100000-'],
      ],
      [[hub.cutAfter(bytes, 100_000, {})], [undefined, undefined]],
      [[hub.cutAfter(bytes, 100_000, { etag: 'W/"weak"' })], [undefined, undefined]],
      [
        [cut, wrongPart],
        [undefined, 'bytes=100000-', undefined],
      ],
      [
        [cut, status(416)],
        [undefined, 'bytes=100000-', undefined],
      ],
    ] as const) {
      rmSync(repository(), { recursive: true, force: true });
      hub.seen.length = 0;
      hub.cdnEtag = '"cdn-1"';
      hub.cdnTricks.push(...tricks);
      assert.deepEqual(readFileSync(await fetched()), bytes);
      assert.deepEqual(
        hub.seen.filter(({ host }) => host === 'cdn').map(({ range }) => range),
        ranges,
      );
    }
  });

  test('a server that always breaks off is asked a bounded number of times', async () => {
    for (let i = 0; i < 300; i++) hub.cdnTricks.push(hub.cutAfter(bytes, 0));
    await refused(/Gave up after 4 tries.*Try again later/);
    assert.equal(to('cdn'), 4);
  });

  test('stopped: what has come stays, and the message says how to go on', async () => {
    const stop = new AbortController();
    hub.cdnTricks.push((_, response) => {
      response.writeHead(200, { etag: '"cdn-1"', 'content-length': bytes.byteLength });
      response.write(bytes.subarray(0, 90_000));
      return true;
    });
    const progress = (done: number): void => {
      if (done === 90_000) stop.abort();
    };
    await refused(
      /^Stopped\. .*rescaled weights fetch hf:tiny\/model" goes on/,
      fetched(NAME, { signal: stop.signal, progress }),
    );
    assert.equal(readFileSync(partial()).byteLength, 90_000);
    await fetched();
    assert.equal(hub.seen.at(-1)!.range, 'bytes=90000-');
  });
});

describe('refused, with one line', () => {
  test('another hash than the hub says: deleted', async () => {
    hub.linked = { etag: 'f'.repeat(64) };
    await refused(/Expected the SHA-256 of hf:tiny\/model to be f{64} but what came has [0-9a-f]{64}\. It was deleted/);
    assert.deepEqual(readdirSync(join(repository(), 'blobs')), []);
  });

  test('another length, shorter and longer', async () => {
    hub.linked = { size: bytes.byteLength + 1 };
    await refused(/Expected 300001 bytes of .* has 300000/);
    hub.linked = { size: 1000 };
    await refused(/Expected 1000 bytes of .* has 300000/);
    assert.equal(existsSync(partial()), false);
  });

  test('not for everybody, not there', async () => {
    hub.hubTricks.push(status(401, { 'x-error-code': 'RepoNotFound' }));
    await refused(/answers 401 \(RepoNotFound\).*put it into HF_TOKEN/);
    process.env['HF_TOKEN'] = 'hf_token';
    hub.hubTricks.push(
      status(403, { 'x-error-code': 'GatedRepo', 'x-error-message': 'Access is restricted\u009b31m' }),
    );
    await refused(/answers 403 \(GatedRepo: Access is restricted .*The token in HF_TOKEN was sent/);
    await assert.rejects(fetched('hf:tiny/model/absent.safetensors'), /answers 404 .*the repository has no such file/);
    assert.ok(hub.seen.length <= 3, 'none is asked again');
    hub.cdnTricks.push(status(403));
    await refused(/answers 403/);
  });

  test('too many requests: waits as long as the server asks, within reason', async () => {
    hub.hubTricks.push(status(429, { 'retry-after': '1' }));
    hub.cdnTricks.push(status(429, { 'retry-after': new Date(Date.now() + 1500).toUTCString() }));
    const started = Date.now();
    await fetched();
    assert.ok(Date.now() - started >= 1000);
    rmSync(repository(), { recursive: true });
    hub.hubTricks.push(status(429, { 'retry-after': '3600' }));
    await refused(/answers 429, and asks to wait 3600 s\. Try again after that time/);
    hub.hubTricks.push(...Array.from({ length: 9 }, () => status(429)));
    await refused(/Gave up after 4 tries: .*answers 429/);
  });

  test('a server in trouble is asked again, a bounded number of times', async () => {
    hub.hubTricks.push(status(503), status(500));
    hub.cdnTricks.push(status(502), status(504));
    await fetched();
    rmSync(repository(), { recursive: true });
    hub.cdnTricks.push(...Array.from({ length: 9 }, () => status(503)));
    hub.seen.length = 0;
    await refused(/Gave up after 4 tries: .*answers 503/);
    assert.equal(to('cdn'), 4);
  });

  test('redirects in a circle, too many, to other schemes, to hosts that are not encrypted', async () => {
    const path = '/tiny/model/resolve/main/model.safetensors';
    hub.hubTricks.push(redirect(path));
    await refused(/redirects in a circle/);
    hub.hubTricks.push(...Array.from({ length: 20 }, (_, i) => redirect(`${path}?${i}`)));
    await refused(/redirects 9 times/);
    hub.hubTricks.length = 0;
    for (const location of [
      'ftp://example.org/x',
      'file:///etc/passwd',
      'http://example.org/x',
      'http://127.0.0.1.example.org/x',
    ]) {
      hub.cdnTricks.push(redirect(location));
      await refused(/Expected an https address but it is .* redirects to it; only encrypted addresses/);
    }
  });

  test('a web page in place of the file, whatever it says it is', async () => {
    const page = (type: string) => (_: unknown, response: import('node:http').ServerResponse) => {
      response
        .writeHead(200, { 'content-type': type })
        .end(`\n<!DOCTYPE html><title>Sign in</title>${' '.repeat(500)}`);
      return true;
    };
    hub.cdnTricks.push(page('text/html; charset=utf-8'));
    await refused(/sends a web page\. Does this network want you to sign in/);
    hub.cdnTricks.push(page('application/octet-stream'));
    await refused(/sends a web page/);
    hub.hubTricks.push(page('text/html'));
    await refused(/Expected .* to name the commit and the hash .*Check HF_ENDPOINT/);
    assert.deepEqual(readFileSync(await fetched()), bytes);
  });

  test('no network, no such host, an endpoint that is no address', async () => {
    process.env['HF_ENDPOINT'] = 'http://127.0.0.1:9';
    await refused(/127\.0\.0\.1:9 cannot be reached: ECONNREFUSED\. Is this machine connected\?/);
    process.env['HF_ENDPOINT'] = 'https://no-such-host.invalid';
    await refused(/no-such-host\.invalid cannot be reached: E/);
    process.env['HF_ENDPOINT'] = 'huggingface.co';
    await refused(/in HF_ENDPOINT but it is "huggingface\.co"/);
  });

  test('offline and not there', async () => {
    for (const name of ['HF_HUB_OFFLINE', 'RESCALED_OFFLINE']) {
      process.env[name] = 'TRUE';
      await refused(new RegExp(`since ${name} is set, but it is not\\. Fetch it`));
      delete process.env[name];
    }
    assert.equal(hub.seen.length, 0);
  });

  test('a cache that cannot be written', async () => {
    process.env['HF_HOME'] = '/proc/nothing';
    await refused(/cannot be written: ENOENT\. Name another folder: HF_HOME/);
    writeFileSync(join(folder(), 'file'), '');
    process.env['HF_HOME'] = join(folder(), 'file', 'hf');
    await refused(/cannot be written: E\w+\. Name another folder/);
  });

  test('a full disk', { skip: !existsSync('/dev/full') }, async () => {
    mkdirSync(dirname(partial()), { recursive: true });
    symlinkSync('/dev/full', partial());
    // The link stays only where the file is gone on with: its etag is known.
    writeFileSync(`${partial()}.etag`, '"cdn-1"');
    hub.cdnTricks.push((_, response) => {
      response.writeHead(206, { 'content-range': `bytes 0-${bytes.byteLength - 1}/${bytes.byteLength}` }).end(bytes);
      return true;
    });
    await refused(/the disk is full: 0 of 300000 bytes are there\. Make room and call it again/);
    assert.ok(lstatSync(partial()).isSymbolicLink());
  });

  test('an archive, with its address and what to do', async () => {
    await refused(
      /is an archive.*download https:.*resnet-rs-50-i160\.tar\.gz, unpack it/,
      fetched('resnet-rs-50-i160.tensorflow'),
    );
    await refused(/Expected the name of weights but received "nonsense"/, fetched('nonsense'));
  });
});
