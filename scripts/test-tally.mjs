// Counts the events of node:test's run() for one file. Only leaves count: a suite or a test with subtests counts when
// it fails by itself (a hook, its own assertion), and a file when it fails as a whole (a crash, a time-out).
import { relative, resolve } from 'node:path';

export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;
  /** What was printed for this file, so far. @type {string[]} */
  lines;
  /** @type {{ title: string, reason: string }[]} */
  failures = [];
  /** Reported children at each nesting level that still wait for their parent. @type {number[]} */
  #children = [];
  /** Names of the parents that are running. @type {string[]} */
  #path = [];
  #file;
  #title;

  /** @param {string} file full path @param {string} root for short paths */
  constructor(file, root) {
    this.#file = resolve(file);
    this.#title = relative(root, this.#file);
    this.lines = [this.#title];
  }

  /** @param {string} type @param {any} data an event of the TestsStream */
  see(type, data) {
    if (type === 'test:start') this.#path[data.nesting] = data.name;
    if (type === 'test:stderr' || type === 'test:stdout') this.#print(data.message.replace(/\n$/, ''));
    if (type === 'test:pass' || type === 'test:fail') this.#result(type === 'test:pass', data);
  }

  #result(passed, data) {
    const level = data.nesting;
    const hadChildren = (this.#children[level + 1] ?? 0) > 0;
    this.#children[level + 1] = 0;
    const isFile = level === 0 && resolve(data.name) === this.#file;
    if (!isFile) this.#children[level] = (this.#children[level] ?? 0) + 1;

    const indent = '  '.repeat(level + 1);
    const name = isFile ? 'the file as a whole' : data.name;
    const time = data.details?.duration_ms >= 1000 ? ` (${(data.details.duration_ms / 1000).toFixed(1)} s)` : '';
    const skip = data.skip !== undefined && data.skip !== false ? data.skip : undefined;
    const todo = data.todo !== undefined && data.todo !== false ? data.todo : undefined;
    if (skip !== undefined || todo !== undefined) {
      const why = skip ?? todo;
      this.skipped += 1;
      this.#print(
        `${indent}- ${name} # ${skip === undefined ? 'todo' : 'skipped'}` +
          `${typeof why === 'string' && why !== '' ? `: ${why}` : ''}`,
      );
    } else if (!passed) {
      // That some child failed has been counted with the child.
      const error = data.details?.error;
      const byChild = error?.failureType === 'subtestsFailed' && hadChildren;
      if (!byChild) this.#fail([...this.#path.slice(0, isFile ? 0 : level), name].join(' > '), reasonOf(error));
      this.#print(`${indent}✖ ${name}${time}`);
    } else if (isFile) {
      this.#print(`${indent}(no tests in this file)`);
    } else if (hadChildren || data.details?.type === 'suite') {
      if (time !== '') this.#print(`${indent}▪ ${name}${time}`);
    } else {
      this.passed += 1;
      this.#print(`${indent}✔ ${name}${time}`);
    }
  }

  /** @param {string} reason why the file as a whole failed */
  fileFailed(reason) {
    this.#print('  ✖ the file as a whole');
    this.#fail('the file as a whole', reason);
  }

  #fail(title, reason) {
    this.failed += 1;
    this.failures.push({ title: `${this.#title}: ${title}`, reason });
  }

  #print(line) {
    this.lines.push(line);
  }
}

/**
 * Every failure once more with its reason, then the line of counts: `12 passed, 0 failed, 1 skipped`.
 * @param {Tally[]} tallies
 * @returns {{ text: string, good: boolean }} good: tests ran, and none failed
 */
export function summarize(tallies) {
  const sum = (key) => tallies.reduce((total, tally) => total + tally[key], 0);
  const [passed, failed, skipped] = [sum('passed'), sum('failed'), sum('skipped')];
  const blocks = [];
  for (const { title, reason } of tallies.flatMap((tally) => tally.failures)) {
    blocks.push(
      `✖ ${title}\n${reason
        .split('\n')
        .map((line) => `    ${line}`)
        .join('\n')}`,
    );
  }
  if (blocks.length > 0) blocks.unshift('Failures');
  if (passed + failed === 0) blocks.push('No test ran.');
  blocks.push(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return { text: blocks.join('\n\n'), good: failed === 0 && passed > 0 };
}

/** @param {any} error of a failed test: node:test wraps what was thrown, or tells how the file's process ended */
function reasonOf(error) {
  if (error?.failureType === 'testTimeoutFailure') return `took too long: ${error.message}`;
  if (typeof error?.signal === 'string') return `its process was ended by ${error.signal}`;
  if (typeof error?.exitCode === 'number') return `its process ended with exit code ${error.exitCode}`;
  const cause = error?.cause ?? error;
  return cause?.stack ?? cause?.message ?? String(cause);
}
