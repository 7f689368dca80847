import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { DownloadProgress } from '../../../src/cli/named-weights.js';
import { createModel } from '../../../src/models/index.js';
import { writeFacts } from '../../../src/weights/facts.js';
import { encodeSafetensors } from '../../../src/weights/formats/safetensors.js';
import { cli, pictureFolder, temporaryFolder } from '../../cli/helpers.js';
import { cliBeside, freshCaches, someBytes } from './helpers.js';
import { address, COMMIT, FakeHub, sha256 } from './server.js';

const folder = freshCaches();
const pictures = join(temporaryFolder(), 'three');
let hub: FakeHub;

/** A small real model with two more classes than there are folders, so that the head is renewed. */
function tinyWeights(): Buffer {
  const modelOptions = { width: 0.125, stemStride: 2 } as const;
  const model = createModel('resnet-rs-14', { ...modelOptions, classes: 3 });
  const tensors = [...model.state()].map(([name, tensor]) => ({
    name,
    dtype: 'F32' as const,
    shape: [...tensor.shape],
    bytes: new Uint8Array((tensor.data() as Float32Array).slice().buffer),
  }));
  const facts = writeFacts({ model: 'resnet-rs-14', modelOptions, size: 28, evalCrop: 1 });
  return Buffer.concat([...encodeSafetensors(tensors, { format: 'pt', ...facts })]);
}
const tiny = tinyWeights();

before(async () => {
  hub = await new FakeHub().start();
  await pictureFolder(pictures, 3, 20);
});
after(() => hub.stop());
beforeEach(() => {
  hub.seen.length = hub.hubTricks.length = hub.cdnTricks.length = 0;
  hub.add('tiny/model', 'model.safetensors', tiny);
  process.env['HF_ENDPOINT'] = hub.hub;
});

describe('weights by name on the command line', () => {
  test('train --from NAME downloads, trains, and eval, inspect and convert find it offline', async () => {
    const out = join(folder(), 'run');
    const short = ['--recipe', 'quick', '--epochs', '1', '--batch', '16', '--threads', '1'];
    const trained = await cli('train', pictures, '--from', 'hf:tiny/model', ...short, '--out', out);
    assert.equal(trained.status, 0, trained.stderr);
    assert.match(trained.stderr, /fetching hf:tiny\/model: 0\.\d of 0\.\d MB, 100 %/);
    const path = join(folder(), 'hf', 'hub', 'models--tiny--model', 'snapshots', COMMIT, 'model.safetensors');
    assert.ok(trained.stderr.includes(`starting from ${path}`), trained.stderr);
    const config = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as Record<string, unknown>;
    assert.deepEqual([config['model'], config['size'], config['from']], ['resnet-rs-14', 28, path]);
    assert.deepEqual(
      hub.seen.map(({ host }) => host),
      ['hub', 'cdn'],
    );
    process.env['HF_HUB_OFFLINE'] = '1';
    const measured = await cli('eval', '--from', 'hf:tiny/model', pictures, '--json', '--threads', '1');
    assert.equal(measured.status, 0, measured.stderr);
    assert.equal((JSON.parse(measured.stdout) as { size: number }).size, 28);
    const inspected = await cli('weights', 'inspect', 'hf:tiny/model');
    assert.equal(inspected.status, 0, inspected.stderr);
    assert.match(inspected.stdout, /snapshots.*safetensors/);
    const converted = await cli('weights', 'convert', 'hf:tiny/model', join(folder(), 'out.safetensors'));
    assert.equal(converted.status, 0, converted.stderr);
    const again = await cli('weights', 'fetch', 'hf:tiny/model');
    assert.deepEqual(
      [again.status, again.stdout, again.stderr],
      [0, `${path}\n`, 'already here\nnext: rescaled train DATA --from hf:tiny/model\n'],
    );
    assert.equal(hub.seen.length, 2);
  });

  test('a path that is there wins; a text that is neither says where the names are', async () => {
    writeFileSync(join(folder(), 'resnetrs50.tf_in1k'), tiny);
    const { status, stderr } = await cli('eval', '--from', join(folder(), 'resnetrs50.tf_in1k'), pictures);
    assert.equal(status, 0, stderr);
    const none = await cli('train', pictures, '--from', 'resnetrs5.tf_in1k');
    assert.equal(none.status, 2);
    assert.match(none.stderr, /there is nothing at resnetrs5\.tf_in1k.*Did you mean "resnetrs50\.tf_in1k"/);
    const wrong = await cli('weights', 'fetch', 'hf:tiny');
    assert.equal(wrong.status, 2, wrong.stderr);
    const absent = await cli('weights', 'inspect', 'resnetrs50.tf_in1k');
    assert.equal(absent.status, 1);
    assert.match(absent.stderr, /Fetch it first: rescaled weights fetch resnetrs50\.tf_in1k/);
    assert.equal(hub.seen.length, 0);
  });

  test("a row's facts come with its file: a repository of timm's without a word of its own", async () => {
    const model = createModel('resnet-18', {});
    const tensors = [...model.state()].map(([name, tensor]) => ({
      name,
      dtype: 'F32' as const,
      shape: [...tensor.shape],
      bytes: new Uint8Array((tensor.data() as Float32Array).slice().buffer),
    }));
    hub.add(
      'timm/resnet18.a1_in1k',
      'model.safetensors',
      Buffer.concat([...encodeSafetensors(tensors, { format: 'pt' })]),
    );
    const { status, stdout, stderr } = await cli(
      ...['train', pictures, '--from', 'resnet18.a1_in1k', '--recipe', 'finetune', '--explain', '--json'],
    );
    assert.equal(status, 0, stderr);
    const config = JSON.parse(stdout) as { model: string; size: number; recipe: { values: { interpolation: string } } };
    assert.deepEqual([config.model, config.size, config.recipe.values.interpolation], ['resnet-18', 288, 'bicubic']);
    const measured = await cli('eval', '--from', 'resnet18.a1_in1k', pictures);
    assert.equal(measured.status, 2);
    assert.match(measured.stderr, /Expected pictures of the classes that the model knows \(n01440764, n01443537/);
    const list = await cli('weights', 'list', 'resnet18', '--json');
    const rows = JSON.parse(list.stdout) as { name: string; path: string | null }[];
    assert.deepEqual(
      rows.filter(({ path }) => path !== null).map(({ name }) => name),
      ['resnet18.a1_in1k'],
    );
    const text = await cli('weights', 'list', 'resnet-18');
    assert.match(text.stdout, /resnet18\.a1_in1k +resnet-18 +apache-2\.0 +here +288 +73\.2 \[1\] +47 MB/);
    assert.match(text.stdout, /resnet18\.IMAGENET1K_V1 +resnet-18 +bsd-3-clause +224 +69\.8 \[2\]/);
  });

  test('two at once: one downloads, the other waits and finds it', async () => {
    const big = someBytes(2_000_000);
    hub.add('tiny/big', 'model.safetensors', big);
    hub.cdnTricks.push((_, response) => {
      response.writeHead(200, { etag: '"cdn-1"', 'content-length': big.byteLength });
      response.write(big.subarray(0, 1_000_000));
      setTimeout(() => response.end(big.subarray(1_000_000)), 2500);
      return true;
    });
    const both = await Promise.all([1, 2].map(() => cliBeside(['weights', 'fetch', 'hf:tiny/big'])));
    for (const { status, stderr } of both) assert.equal(status, 0, stderr);
    assert.equal(both[0]!.stdout, both[1]!.stdout);
    assert.deepEqual(readFileSync(both[0]!.stdout.trim()), big);
    assert.equal(hub.seen.filter(({ host }) => host === 'cdn').length, 1);
    assert.match(
      both.map(({ stderr }) => stderr).join(),
      /process \d+ is fetching hf:tiny\/big already: waiting for it/,
    );
  });

  test('Ctrl-C: exit code 130, what has come is kept and gone on with', async () => {
    const big = someBytes(500_000);
    hub.add('tiny/slow', 'model.safetensors', big);
    hub.cdnTricks.push((_, response) => {
      response.writeHead(200, { etag: '"cdn-1"', 'content-length': big.byteLength });
      response.write(big.subarray(0, 200_000));
      return true;
    });
    const stopped = await cliBeside(
      ['weights', 'fetch', 'hf:tiny/slow'],
      (text) => /fetching .*: 0\.[1-9]/.test(text) || text.includes('fetching'),
    );
    assert.equal(stopped.status, 130, stopped.stderr);
    assert.match(stopped.stderr, /Stopped\. .*"rescaled weights fetch hf:tiny\/slow" goes on from there/);
    const done = await cli('weights', 'fetch', 'hf:tiny/slow', '--json');
    assert.equal(done.status, 0, done.stderr);
    assert.equal((JSON.parse(done.stdout) as { bytes: number }).bytes, big.byteLength);
    assert.deepEqual(readdirSync(join(folder(), 'hf', 'hub', 'models--tiny--slow', 'blobs')), [sha256(big)]);
  });

  test('progress: one line that renews itself on a terminal, few lines elsewhere', () => {
    for (const [isTTY, expected] of [
      [
        true,
        /^\r\x1b\[2Kfetching x: 0\.0 of 2\.0 MB, 0 %.*\r\x1b\[2Kfetching x: 2\.0 of 2\.0 MB, 100 %[^\n]*\r\x1b\[2K$/s,
      ],
      [false, /^fetching x: 0\.0 of 2\.0 MB, 0 %[^\n]*\nfetching x: 2\.0 of 2\.0 MB, 100 %[^\n]*\n$/],
    ] as const) {
      let text = '';
      const write = (part: string): boolean => {
        text += part;
        return true;
      };
      const progress = new DownloadProgress('x', { isTTY, columns: 80, write } as unknown as NodeJS.WriteStream);
      for (const done of [0, 1_000_000, 2_000_000]) progress.show(done, 2_000_000);
      progress.end();
      assert.match(text, expected);
    }
  });
});

describe('proxies', () => {
  test('HTTP_PROXY leads to a hub of another name, NO_PROXY excepts the second host', async () => {
    const through: string[] = [];
    const proxy = createServer((request, response) => {
      through.push(request.url!);
      hub.answerHub(request, response);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    Object.assign(process.env, { HF_ENDPOINT: 'http://hub.test', HTTP_PROXY: address(proxy), NO_PROXY: 'localhost' });
    const { status, stderr } = await cliBeside(['weights', 'fetch', 'hf:tiny/model']);
    proxy.close();
    assert.equal(status, 0, stderr);
    assert.deepEqual(through, ['http://hub.test/tiny/model/resolve/main/model.safetensors']);
  });

  const openssl = hasOpenssl();
  test('HTTPS_PROXY: a tunnel to the real name of a host, whose certificate is checked', {
    skip: !openssl,
  }, async () => {
    const [key, certificate] = [join(folder(), 'key.pem'), join(folder(), 'certificate.pem')];
    const name = 'download.pytorch.org';
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', `/CN=${name}`],
        ...['-addext', `subjectAltName=DNS:${name}`, '-keyout', key, '-out', certificate],
      ],
      { stdio: 'ignore' },
    );
    const asked: string[] = [];
    const host = createSecureServer(
      { key: readFileSync(key), cert: readFileSync(certificate) },
      (request, response) => {
        asked.push(request.url!);
        response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(tiny);
      },
    );
    const tunnels: string[] = [];
    const proxy: Server = createServer();
    proxy.on('connect', (request, socket) => {
      tunnels.push(request.url!);
      const far = connect(Number(new URL(address(host as unknown as Server)).port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        far.pipe(socket).pipe(far);
      });
      far.on('error', () => socket.destroy());
      socket.on('error', () => far.destroy());
    });
    for (const server of [host, proxy]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    process.env['HTTPS_PROXY'] = address(proxy);
    const fetching = (): ReturnType<typeof cliBeside> => cliBeside(['weights', 'fetch', 'resnet18.IMAGENET1K_V1']);
    const strange = await fetching();
    assert.equal(strange.status, 1);
    assert.match(strange.stderr, /certificate is not accepted: DEPTH_ZERO_SELF_SIGNED_CERT.*NODE_EXTRA_CA_CERTS/);
    process.env['NODE_EXTRA_CA_CERTS'] = certificate;
    const done = await fetching();
    delete process.env['NODE_EXTRA_CA_CERTS'];
    for (const server of [host, proxy]) server.close();
    host.closeAllConnections();
    // The bytes are not torchvision's, which their hash tells.
    assert.equal(done.status, 1);
    assert.match(done.stderr, /Expected the SHA-256 of resnet18\.IMAGENET1K_V1 to be f37072fd but .* It was deleted/);
    assert.deepEqual(asked, ['/models/resnet18-f37072fd.pth']);
    assert.deepEqual(new Set(tunnels), new Set([`${name}:443`]));
  });
});

/** A Python with huggingface_hub, named by RESCALED_HF_PYTHON. */
const python = process.env['RESCALED_HF_PYTHON'];
describe("the cache is shared with the hub's own program", { skip: python === undefined }, () => {
  // Beside this process, whose server answers it.
  const ask = async (code: string): Promise<string> => {
    const { promisify } = await import('node:util');
    const { execFile } = await import('node:child_process');
    const run = promisify(execFile);
    const done = await run(python!, ['-c', `from huggingface_hub import *\n${code}`], {
      env: { ...process.env, HF_HUB_DISABLE_TELEMETRY: '1' },
    });
    return done.stdout.trim();
  };

  test('what is fetched here, it finds', async () => {
    const path = (await cli('weights', 'fetch', 'hf:tiny/model')).stdout.trim();
    const found = await ask(
      "print(try_to_load_from_cache('tiny/model', 'model.safetensors'))\n" +
        "print(hf_hub_download('tiny/model', 'model.safetensors', local_files_only=True))\n" +
        "print(hf_hub_download('tiny/model', 'model.safetensors'))\n" +
        'print(scan_cache_dir().size_on_disk, len(scan_cache_dir().warnings))',
    );
    assert.deepEqual(found.split('\n'), [path, path, path, `${tiny.byteLength} 0`]);
    assert.equal(hub.seen.filter(({ host }) => host === 'cdn').length, 1);
  });

  test('what it has fetched is used here without a request', async () => {
    const path = await ask("print(hf_hub_download('tiny/model', 'model.safetensors'))");
    assert.ok(existsSync(path));
    const before = hub.seen.length;
    assert.equal((await cli('weights', 'fetch', 'hf:tiny/model')).stdout.trim(), path);
    assert.equal(hub.seen.length, before);
    // Its locks are of another kind than ours.
    rmSync(path);
    rmSync(join(dirname(dirname(dirname(path))), 'blobs', sha256(tiny)));
    mkdirSync(dirname(path), { recursive: true });
    assert.equal((await cli('weights', 'fetch', 'hf:tiny/model')).stdout.trim(), path);
    assert.deepEqual(readFileSync(path), tiny);
  });
});

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
