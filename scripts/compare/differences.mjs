// The first difference of two files in words that name the place; times, dates and versions are let be.

/** Keys of figures that no two runs share. */
const MASKED =
  /^(seconds|etaSeconds|imagesPerSecond|loaderWaitShare|waitedSeconds|date|generatedAt|createdAt|versions|version)$/;

/** @param {any} value */
const show = (value) => {
  const text = typeof value === 'string' ? value : String(JSON.stringify(value));
  return text.length > 160 ? `${text.slice(0, 160)}...` : text;
};

/**
 * @param {any} a
 * @param {any} b
 * @param {string} [at] path of the value
 * @returns {string | undefined}
 */
export function jsonDifference(a, b, at = '') {
  if (Object.is(a, b)) return undefined;
  const objects = [a, b].every((value) => typeof value === 'object' && value !== null);
  if (!objects || Array.isArray(a) !== Array.isArray(b)) return `${at || 'the whole'}: ${show(a)} against ${show(b)}`;
  const [keys, others] = [Object.keys(a), Object.keys(b)];
  for (const key of new Set([...keys, ...others])) {
    const path = at === '' ? key : `${at}.${key}`;
    if (!(key in a)) return `${path}: only in the new one`;
    if (!(key in b)) return `${path}: only in the old one`;
    if (MASKED.test(key)) continue;
    const difference = jsonDifference(a[key], b[key], path);
    if (difference !== undefined) return difference;
  }
  if (keys.join() !== others.join()) return `${at || 'the whole'}: keys in another order`;
  return undefined;
}

/** @param {string} a @param {string} b */
export function csvDifference(a, b) {
  const [rows, others] = [a, b].map((text) => text.split('\n').map((line) => line.split(',')));
  const header = rows[0];
  if (header.join() !== others[0].join()) return `columns ${header.join()} against ${others[0].join()}`;
  if (rows.length !== others.length) return `${rows.length - 2} rows against ${others.length - 2}`;
  for (const [i, row] of rows.entries())
    for (const [j, value] of row.entries())
      if (value !== others[i][j] && !MASKED.test(header[j]))
        return `row ${i}, ${header[j]}: ${value} against ${others[i][j]}`;
  return undefined;
}

/** @param {string} a @param {string} b */
export function linesDifference(a, b) {
  const [lines, others] = [a.split('\n'), b.split('\n')];
  for (let i = 0; i < Math.max(lines.length, others.length); i++) {
    const [line, other] = [lines[i] ?? '(end)', others[i] ?? '(end)'];
    if (line === other) continue;
    // Where they part, a little before, since a line of a page may be very long.
    let from = 0;
    while (line[from] === other[from]) from++;
    from = Math.max(0, from - 40);
    return `line ${i + 1}: ${show(line.slice(from))} against ${show(other.slice(from))}`;
  }
  return undefined;
}

/** @param {Buffer} a @param {Buffer} b */
export function bytesDifference(a, b) {
  if (a.equals(b)) return undefined;
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return `${a.length} against ${b.length} bytes, which part at ${at === -1 ? a.length : at}`;
}

/** @param {Buffer} file */
function tensors(file) {
  const end = 8 + Number(file.readBigUInt64LE(0));
  return { header: JSON.parse(file.subarray(8, end).toString()), data: file.subarray(end) };
}

/** @param {Buffer} a @param {Buffer} b */
export function safetensorsDifference(a, b) {
  if (a.equals(b)) return undefined;
  const [old, now] = [tensors(a), tensors(b)];
  const difference = jsonDifference(old.header, now.header);
  if (difference !== undefined) return difference;
  const differing = Object.entries(old.header)
    .filter(([name]) => name !== '__metadata__')
    .filter(([, { data_offsets: at }]) => !old.data.subarray(...at).equals(now.data.subarray(...at)))
    .map(([name]) => name);
  if (differing.length > 0) return `${differing.length} tensors differ, the first: ${differing[0]}`;
  return 'the same tensors in other bytes';
}

/** A report without its speeds and dates. @param {string} page */
export function maskReport(page) {
  const parts = page
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?/g, 'DATE')
    // The facts on times; what stands below them in small print counts.
    .replace(/(<dt>(?:Training|Speed|rescaled)<\/dt><dd>)[^<]*/g, '$1TIME')
    .replace(/[\d.]+(?:\u00a0| )% waiting for pictures/g, 'SHARE waiting for pictures')
    // The advice on it comes and goes with the load of the machine.
    .replace(/<li>Training waited for pictures[^<]*<\/li>/g, '')
    .replace(/<ul class="findings"><\/ul>/g, '')
    .split(/(?=<figure\b|<table\b)|(?<=<\/figure>|<\/table>)/);
  return parts
    .map((part) => (part.includes('Training speed, ') ? 'SPEED' : withoutColumn(part, 'Pictures/s')))
    .join('');
}

/** A table without what stands in a column. @param {string} table @param {string} title */
function withoutColumn(table, title) {
  if (!table.startsWith('<table')) return table;
  const column = [...table.matchAll(/<th\b[^>]*>([^<]*)<\/th>/g)].findIndex(([, text]) => text === title);
  if (column === -1) return table;
  return table
    .split(/(?=<tr)/)
    .map((row) => {
      let cell = 0;
      return row.replace(/<td\b[^>]*>[^<]*<\/td>/g, (text) => (cell++ === column ? '<td>SPEED</td>' : text));
    })
    .join('');
}
