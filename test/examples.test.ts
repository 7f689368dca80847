import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { packageRoot } from '../src/package-root.js';
import { rankPlace } from '../src/ranks/place.js';
import { openStudy } from '../src/study/plan/file.js';
import { layOut } from '../src/study/plan/grid.js';
import { SMALL_STUDY, temporaryFolder } from './cli/helpers.js';

const examples = join(packageRoot, 'examples');
const folder = temporaryFolder();
const study = join(folder, 'study.json');
writeFileSync(study, JSON.stringify(SMALL_STUDY));
const main = join(packageRoot, 'dist', 'src', 'cli', 'main.js');
// npx of a machine where Rescaled is installed.
const bin = join(folder, 'bin');
mkdirSync(bin);
writeFileSync(join(bin, 'npx'), `#!/bin/bash\nshift\nexec "${process.execPath}" "${main}" "$@"\n`);
chmodSync(join(bin, 'npx'), 0o755);

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

test('the Slurm script of ranks: its shell is sound, and srun runs one training that goes on where it was', () => {
  const script = join(examples, 'cluster', 'train.sbatch');
  const text = readFileSync(script, 'utf8');
  assert.ok(text.lastIndexOf('#SBATCH') < text.indexOf('\nset '));
  const cluster = join(folder, 'ranks-bin');
  mkdirSync(cluster);
  // What the script calls on a cluster: the names of the job's machines, and a step, whose tasks here only say what they were given.
  writeFileSync(join(cluster, 'scontrol'), '#!/bin/bash\nprintf "node-a\\nnode-b\\n"\n');
  writeFileSync(join(cluster, 'srun'), '#!/bin/bash\necho "$MASTER_ADDR $MASTER_PORT $*"\n');
  for (const name of ['scontrol', 'srun']) chmodSync(join(cluster, name), 0o755);
  const { status, stdout, stderr } = spawnSync('bash', [script, 'flowers', 'runs/flowers-1'], {
    encoding: 'utf8',
    env: {
      ...process.env,
      PATH: `${cluster}:${process.env['PATH']}`,
      ...{ SLURM_JOB_NODELIST: 'node-[a-b]', SLURM_JOB_ID: '40123', SLURM_CPUS_PER_TASK: '12' },
    },
  });
  assert.equal(status, 0, stderr);
  assert.equal(
    stdout.trim(),
    'node-a 20123 --kill-on-bad-exit=1 --cpus-per-task=12 npx rescaled train flowers --device cuda --out runs/flowers-1 --resume-if-there',
  );
});

test('the Job of ranks: as many pods as ranks, which find each other', () => {
  const [service, ranks] = parseAllDocuments(readFileSync(join(examples, 'cluster', 'train-job.yaml'), 'utf8')).map(
    (one) => one.toJS(),
  );
  const { spec } = ranks;
  const [container] = spec.template.spec.containers;
  const env = Object.fromEntries(
    container.env.map(({ name, value }: { name: string; value: string }) => [name, value]),
  );
  const place = rankPlace({ ...env, JOB_COMPLETION_INDEX: '3' })!;
  assert.equal(spec.completions, place.world);
  assert.equal(spec.parallelism, spec.completions);
  assert.equal(place.host, `${ranks.metadata.name}-0.${service.metadata.name}`);
  assert.equal(spec.template.spec.subdomain, service.metadata.name);
  assert.equal(service.spec.selector['job-name'], ranks.metadata.name);
  assert.ok(service.spec.publishNotReadyAddresses);
  assert.equal(container.command.at(-1), '--resume-if-there');
});

test('the scripts of shards: each task and each pod labels its own parts alone', () => {
  const [out, heap] = [join(folder, 'labels'), join(packageRoot, 'test', 'fixtures', 'bccd')];
  const teacher = join(packageRoot, 'test', 'fixtures', 'run-0.1.0');
  const script = join(examples, 'cluster', 'pseudo-label.sbatch');
  const first = spawnSync('bash', [script, teacher, heap, out], {
    encoding: 'utf8',
    env: {
      ...process.env,
      PATH: `${bin}:${process.env['PATH']}`,
      ...{ SLURM_ARRAY_TASK_ID: '0', SLURM_ARRAY_TASK_COUNT: '8', SLURM_CPUS_PER_TASK: '1' },
    },
  });
  assert.equal(first.status, 0, first.stderr);
  const { spec } = job.parse(parse(readFileSync(join(examples, 'cluster', 'pseudo-label-job.yaml'), 'utf8')));
  const [container] = spec.template.spec.containers;
  assert.equal(container.command[container.command.indexOf('--of') + 1], String(spec.completions));
  const stands: Record<string, string> = {
    '/runs/flowers-1': teacher,
    '/pictures': heap,
    '/runs/heap-labels': out,
    '$(JOB_COMPLETION_INDEX)': '1',
  };
  const second = spawnSync(
    process.execPath,
    container.command.slice(1).map((word) => stands[word] ?? word),
    { encoding: 'utf8', cwd: packageRoot },
  );
  assert.equal(second.status, 0, second.stderr);
  assert.match(first.stderr, /labelled 2 pictures/);
  assert.match(second.stderr, /2 pictures in 1 part; 0 pictures in 0 parts for this process/);
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
