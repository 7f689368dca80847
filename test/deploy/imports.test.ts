import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { exportOnnx } from '../../src/deploy/onnx/export.js';
import { loadNet } from './onnx-net.js';

test('the predictor loads neither the engine nor prints anything', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rescaled-test-'));
  try {
    const net = loadNet();
    const path = join(folder, 'net.onnx');
    writeFileSync(path, exportOnnx(net.trace, net.options));
    const predictor = new URL('../../src/deploy/predictor.js', import.meta.url);
    const ofVideos = new URL('../../src/deploy/video/predictor.js', import.meta.url);
    const script = `
      const { Predictor } = await import(${JSON.stringify(predictor.href)});
      const { VideoPredictor } = await import(${JSON.stringify(ofVideos.href)});
      const wrong = await VideoPredictor.load(process.argv[1]).catch(({ message }) => message);
      if (!/one is of pictures: Predictor.load opens it/.test(wrong)) throw new Error(wrong);
      const predictor = await Predictor.load(process.argv[1]);
      const data = new Uint8Array(27);
      for await (const { predictions } of predictor.predict([{ width: 3, height: 3, data }], { top: 1 })) process.stdout.write(predictions[0].label);
      await predictor.close();
      const libraries = process.report.getReport().sharedObjects.filter((name) => /torch|rescaled\\.node|libc10/.test(name));
      process.stdout.write('|' + libraries.join());
    `;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script, path], {
      encoding: 'utf8',
      cwd: fileURLToPath(new URL('.', import.meta.url)),
    });
    assert.equal(run.stderr, '');
    assert.equal(run.status, 0);
    assert.match(run.stdout, /^class \d\|$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
