import { formatNotFinite, type NotFinite } from '../../weights/finite.js';
import type { SafeDType } from '../../weights/formats/dtypes.js';
import type { Transform } from '../../weights/names/transforms.js';

export interface Inspection {
  path: string;
  format: string;
  metadata: Record<string, string>;
  tensors: { name: string; dtype: SafeDType; shape: number[] }[];
  /** Of all tensors of the file. */
  elements: number;
  bytes: number;
  /** Trained numbers among the weights: without running statistics, counters and optimizer state. */
  parameters: number;
  ignored: Record<string, string>;
  unknown: string[];
  /** Tensors that hold NaN or infinite values. */
  notFinite: NotFinite[];
  fits: string;
}

export interface Conversion {
  from: { path: string; format: string; selected: string | null };
  /** null when nothing was written. */
  to: { path: string; bytes: number } | null;
  metadata: Record<string, string>;
  mapped: { source: string; key: string; transform: Transform; shape: number[] }[];
  ignored: Record<string, string>;
  unknown: string[];
  /** Tensors that hold NaN or infinite values. */
  notFinite: NotFinite[];
  missing: string[];
  unexpected: string[];
  wrongShape: { key: string; expected: readonly number[]; found: readonly number[] }[];
}

export function formatInspection(of: Inspection, all: boolean): string {
  const width = Math.min(60, Math.max(0, ...of.tensors.map(({ name }) => name.length)));
  return [
    `${of.path}  ${of.format}, ${of.tensors.length} tensors, ${size(of.bytes)}`,
    `parameters: ${of.parameters} (${of.elements} numbers in all)`,
    `fits: ${of.fits}`,
    ...section(
      'metadata',
      Object.entries(of.metadata).map(([key, value]) => `${clean(key)}: ${clean(value, 200)}`),
      all,
    ),
    ...ignoredSection(of.ignored, all),
    ...section(
      'not finite (NaN or infinite)',
      of.notFinite.map(formatNotFinite).map((text) => clean(text)),
      all,
    ),
    ...section(
      'unknown names',
      of.unknown.map((name) => clean(name)),
      all,
    ),
    ...section(
      'tensors',
      of.tensors.map(
        ({ name, dtype, shape }) => `${clean(name).padEnd(width)}  ${dtype.padEnd(4)}  [${shape.join(', ')}]`,
      ),
      all,
      20,
    ),
  ].join('\n');
}

export function formatConversion(of: Conversion, all: boolean): string {
  const changed = of.mapped.filter(({ source, key, transform }) => source !== key || transform !== 'none');
  const transposed = of.mapped.filter(({ transform }) => transform !== 'none' && transform !== 'abn').length;
  return [
    `${of.from.path}  ${of.from.format}${of.from.selected === null ? '' : `, ${clean(of.from.selected)}`}`,
    `mapped: ${of.mapped.length}, of them transposed: ${transposed}`,
    ...(all
      ? changed.map(
          ({ source, key, transform }) =>
            `  ${clean(source)} -> ${clean(key)}${transform === 'none' ? '' : `  (${transform})`}`,
        )
      : []),
    ...ignoredSection(of.ignored, all),
    ...section(
      'not finite (NaN or infinite)',
      of.notFinite.map(formatNotFinite).map((text) => clean(text)),
      all,
    ),
    ...section(
      'unknown names',
      of.unknown.map((name) => clean(name)),
      all,
    ),
    ...section(
      'missing',
      of.missing.map((name) => clean(name)),
      all,
    ),
    ...section(
      'unexpected',
      of.unexpected.map((name) => clean(name)),
      all,
    ),
    ...section(
      'wrong shape',
      of.wrongShape.map(
        ({ key, expected, found }) => `${clean(key)}: expected [${expected.join(', ')}], found [${found.join(', ')}]`,
      ),
      all,
    ),
    ...(of.to === null ? [] : [`${of.to.path}  ${size(of.to.bytes)}`]),
  ].join('\n');
}

const size = (bytes: number): string => (bytes < 1e5 ? `${bytes} bytes` : `${(bytes / 1e6).toFixed(1)} MB`);

/** By reason, since a training checkpoint has three slots for each weight. */
function ignoredSection(reasons: Record<string, string>, all: boolean): string[] {
  const groups = new Map<string, string[]>();
  for (const [name, reason] of Object.entries(reasons)) {
    const names = groups.get(reason) ?? [];
    names.push(clean(name));
    groups.set(reason, names);
  }
  const lines = [...groups].map(
    ([reason, names]) =>
      `${clean(reason, 200)}: ${(all ? names : names.slice(0, 2)).join(', ')}` +
      `${!all && names.length > 2 ? ` and ${names.length - 2} more` : ''}`,
  );
  return section('ignored', lines, all).map((line, i) => (i === 0 ? `ignored: ${Object.keys(reasons).length}` : line));
}

/** A titled list, cut at `limit` with how many more there are. */
function section(title: string, lines: readonly string[], all: boolean, limit = 10): string[] {
  if (lines.length === 0) return [];
  const shown = all ? lines : lines.slice(0, limit);
  return [
    `${title}: ${lines.length}`,
    ...shown.map((line) => `  ${line}`),
    ...(shown.length < lines.length ? [`  and ${lines.length - shown.length} more; --all lists them`] : []),
  ];
}

/** Text of a file for the terminal: no control characters, not longer than a line. */
function clean(text: string, limit = 120): string {
  const safe = text.replace(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return safe.length > limit ? `${safe.slice(0, limit - 3)}...` : safe;
}
