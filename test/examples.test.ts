import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { packageRoot } from '../src/package-root.js';
import { openStudy } from '../src/study/plan/file.js';
import { layOut } from '../src/study/plan/grid.js';
import { SMALL_STUDY, temporaryFolder } from './cli/helpers.js';

const examples = join(packageRoot, 'examples');
const folder = temporaryFolder();
const study = join(folder, 'study.json');
writeFileSync(study, JSON.stringify(SMALL_STUDY));
const main = join(packageRoot, 'dist', 'src', 'cli', 'main.js');

test('the example of a study is one', async () => {
  const { configurations, leftOut } = await layOut(await openStudy(join(examples, 'study.json')), {
    path: '',
    classes: 17,
    trainPictures: 1000,
  });
  assert.equal(configurations.length + leftOut.length, 54);
});

test('the Slurm script: directives that sbatch knows, and each task runs its share', () => {
  const script = join(examples, 'cluster', 'study.sbatch');
  const text = readFileSync(script, 'utf8');
  const directives = [...text.matchAll(/^#SBATCH --([a-z-]+)(?:=(\S+))?$/gm)].map(([, name, value]) => [name, value]);
  // sbatch(1). They must stand before the first command.
  assert.deepEqual(
    directives.map(([name]) => name),
    ['job-name', 'array', 'cpus-per-task', 'mem', 'time', 'requeue', 'signal', 'output'],
  );
  assert.ok(text.lastIndexOf('#SBATCH') < text.indexOf('\nset '));
  assert.match(Object.fromEntries(directives)['array'] as string, /^0-\d+$/, 'an index begins at 0');
  // npx of a machine where Rescaled is installed.
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'npx'), `#!/bin/bash\nshift\nexec "${process.execPath}" "${main}" "$@"\n`);
  chmodSync(join(bin, 'npx'), 0o755);
  const out = join(folder, 'slurm');
  for (const [task, message] of [
    ['0', /share 0 of 2/],
    ['1', /2 of 2 trials are done already/],
  ] as const) {
    const { status, stderr } = spawnSync('bash', [script, study, out], {
      encoding: 'utf8',
      env: {
        ...process.env,
        PATH: `${bin}:${process.env['PATH']}`,
        SLURM_ARRAY_TASK_ID: task,
        SLURM_ARRAY_TASK_COUNT: '2',
        SLURM_CPUS_PER_TASK: '1',
      },
    });
    assert.equal(status, 0, stderr);
    assert.match(stderr, message);
  }
  assert.ok(existsSync(join(out, 'report.html')));
});

/** What the example uses of batch/v1 Job (Kubernetes API reference); anything else in it is a mistake. */
const job = z.strictObject({
  apiVersion: z.literal('batch/v1'),
  kind: z.literal('Job'),
  metadata: z.strictObject({ name: z.string().regex(/^[a-z0-9-]+$/) }),
  spec: z.strictObject({
    completionMode: z.literal('Indexed'),
    completions: z.int(),
    parallelism: z.int(),
    backoffLimitPerIndex: z.int(),
    template: z.strictObject({
      metadata: z.strictObject({ labels: z.record(z.string(), z.string()) }),
      spec: z.strictObject({
        // backoffLimitPerIndex asks for it.
        restartPolicy: z.literal('Never'),
        terminationGracePeriodSeconds: z.int(),
        containers: z.tuple([
          z.strictObject({
            name: z.string(),
            image: z.string(),
            workingDir: z.string(),
            command: z.array(z.string()),
            env: z.array(
              z.strictObject({
                name: z.string(),
                valueFrom: z.strictObject({
                  fieldRef: z.strictObject({
                    fieldPath: z.literal("metadata.annotations['batch.kubernetes.io/job-completion-index']"),
                  }),
                }),
              }),
            ),
            resources: z.strictObject({
              requests: z.record(z.string(), z.string()),
              limits: z.record(z.string(), z.string()),
            }),
            volumeMounts: z.array(
              z.strictObject({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().optional() }),
            ),
          }),
        ]),
        volumes: z.array(
          z.strictObject({ name: z.string(), persistentVolumeClaim: z.strictObject({ claimName: z.string() }) }),
        ),
      }),
    }),
  }),
});

test('the Kubernetes Job: as its API has it, and its command runs a share', () => {
  const { spec } = job.parse(parse(readFileSync(join(examples, 'cluster', 'study-job.yaml'), 'utf8')));
  const {
    containers: [container],
    volumes,
  } = spec.template.spec;
  assert.deepEqual(
    container.volumeMounts.map(({ name }) => name),
    volumes.map(({ name }) => name),
  );
  assert.equal(container.command[container.command.indexOf('--of') + 1], String(spec.completions));
  const stands: Record<string, string> = {
    '/runs/study.json': study,
    '/runs/flowers': join(folder, 'pods'),
    '$(JOB_COMPLETION_INDEX)': '3',
  };
  const [program, ...args] = container.command.map((word) => stands[word] ?? word);
  assert.equal(program, 'node');
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: packageRoot });
  assert.equal(status, 0, stderr);
  assert.match(stderr, /share 3 of 8/);
});
