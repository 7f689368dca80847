import type { Checked, CheckedGroup, CheckedPicture, CheckKind } from '../../checked.js';
import { partWord } from '../../part-words.js';
import { count, duration, moment } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { commandList } from '../draw/lists.js';
import type { Section } from '../draw/page.js';
import { renderPage } from '../draw/page.js';
import { td, tdNum, th, thNum, tr, wideTable } from '../draw/table.js';
import {
  type CheckFinding,
  findingsOf,
  groupsOnlyOf,
  groupText,
  lookedAtText,
  measuredText,
  missingKinds,
} from './words.js';

export interface CheckPage {
  checked: Checked;
  /** ISO 8601. */
  generatedAt: string;
  /** Base64 of JPEG files, by the pictures' paths. */
  thumbnails: ReadonlyMap<string, string>;
  commands: readonly { what: string; command: string }[];
}

/** So many groups of a kind are drawn, with so many pictures each. */
const GROUPS = 24;
const OF_GROUP = 8;
/** Lines of a list. */
const LINES = 100;
const ODD = 48;

const DRAWN = ['leaks', 'conflicts', 'duplicates', 'near-duplicates'] as const satisfies readonly CheckKind[];
const TITLES: Readonly<Record<CheckKind, string>> = {
  broken: 'Cannot be read',
  annotations: 'Annotations left out',
  leaks: 'In two parts',
  conflicts: 'Under two classes',
  duplicates: 'More than once',
  'near-duplicates': 'Near copies',
  absent: 'Classes that are absent',
  imbalance: 'Balance',
  few: 'Few to measure on',
  folders: 'Folders',
  ignored: 'Passed over',
  odd: 'Out of the ordinary',
};
/** Findings of these kinds stand in the frame at the top. */
const GRAVE: readonly CheckKind[] = ['broken', 'annotations', 'leaks', 'conflicts', 'duplicates'];

/** The pictures that the page shows. */
export function shownPictures({ groups, odd }: Checked): CheckedPicture[] {
  return [
    ...DRAWN.flatMap((kind) => shownGroups(groups, kind).flatMap(({ pictures }) => pictures.slice(0, OF_GROUP))),
    ...odd.slice(0, ODD),
  ];
}

const shownGroups = (groups: readonly CheckedGroup[], kind: CheckKind): CheckedGroup[] =>
  groupsOnlyOf(groups, kind).slice(0, GROUPS);

/** The page of `rescaled check -o`: one HTML document that loads nothing. */
export function renderCheckReport(page: CheckPage): string {
  const { checked, generatedAt } = page;
  const findings = findingsOf(checked);
  const grave = findings.filter(({ kind }) => GRAVE.includes(kind));
  const others = findings.filter(({ kind }) => !GRAVE.includes(kind));
  const clean = missingKinds(checked);
  const interval = measuredText(checked);
  return renderPage({
    title: checked.name,
    kind: 'Rescaled · a data set checked',
    subtitle: html`${lookedAtText(checked)} · ${moment(generatedAt)}`,
    head: html`${
      grave.length > 0 &&
      html`<div class="warnings" role="note"><h2>Before you train</h2><ul>${grave.map(({ head }) => html`<li>${head}</li>`)}</ul></div>`
    }
<ul class="findings">${others.map(({ head }) => html`<li>${head}</li>`)}${interval !== undefined && html`<li>${interval}</li>`}\
${clean.length > 0 && html`<li>Nothing found of: ${clean.map((kind) => TITLES[kind].toLowerCase()).join(', ')}.</li>`}</ul>`,
    sections: [
      ...findings.map((finding) => sectionOf(finding, page)),
      { id: 'counts', title: 'Pictures of each class', body: countsTable(checked) },
      ...(page.commands.length > 0
        ? [{ id: 'next', title: 'What to do next', body: commandList([...page.commands]) }]
        : []),
    ],
    footer: `Made by Rescaled in ${duration(checked.seconds)}, ${moment(generatedAt)}. This file is complete: it loads nothing.`,
  });
}

function sectionOf(finding: CheckFinding, { checked, thumbnails }: CheckPage): Section {
  const { kind, head, means, lines } = finding;
  const drawn = (DRAWN as readonly CheckKind[]).includes(kind);
  const body = html`<p>${head}. ${means}</p>
${drawn ? groupList(checked, kind, thumbnails) : kind === 'odd' ? oddGrid(checked, thumbnails) : lineList(lines)}`;
  return { id: kind, title: TITLES[kind], body };
}

function lineList(lines: readonly string[]): Html | undefined {
  if (lines.length === 0) return undefined;
  const rest = lines.length - LINES;
  return html`<ul>${lines.slice(0, LINES).map(
    (line) => html`<li>${line}</li>
`,
  )}${rest > 0 && html`<li>and ${count(rest)} more</li>`}</ul>`;
}

function groupList({ groups, kind: data }: Checked, kind: CheckKind, thumbnails: CheckPage['thumbnails']): Html {
  const mine = groupsOnlyOf(groups, kind);
  const shown = shownGroups(groups, kind);
  const rest = mine.length - shown.length;
  return html`<div class="copies">${shown.map(
    (group) => html`<div${group.pictures.length > 2 && html` class="wide"`}><h3>${titleOf(group)}</h3>
<ul class="mistakes">${group.pictures.slice(0, OF_GROUP).map((picture) => figure(picture, thumbnails, partLine(picture)))}</ul>
${
  group.pictures.length > OF_GROUP &&
  html`<p class="note">${count(group.pictures.length - OF_GROUP)} more pictures of this group.</p>`
}</div>`,
  )}</div>${
    rest > 0 &&
    html`<details><summary>${count(rest)} more</summary>\
${lineList(mine.slice(GROUPS).map((group) => groupText(group, data === 'idx')))}</details>`
  }`;
}

function titleOf({ match, mirrored, pictures }: CheckedGroup): string {
  const same = { file: 'The same file', pixels: 'The same pixels', near: 'Nearly the same' }[match];
  const classes = new Set(pictures.map((one) => one.class));
  return `${same}${mirrored ? ', mirrored' : ''}${classes.size > 1 ? `: ${[...classes].join(', ')}` : ''}`;
}

const partLine = ({ part, class: name }: CheckedPicture): Html =>
  html`<p>${part !== 'all' && html`<span class="said">${partWord(part)}</span> `}${name}</p>`;

function figure(picture: CheckedPicture, thumbnails: CheckPage['thumbnails'], below: Html): Html {
  const jpeg = thumbnails.get(picture.path);
  return html`<li>${jpeg !== undefined && html`<img src="data:image/jpeg;base64,${jpeg}" alt="${picture.path}">`}
${below}<p class="source">${picture.path}</p></li>
`;
}

function oddGrid({ odd }: Checked, thumbnails: CheckPage['thumbnails']): Html {
  return html`<ul class="mistakes">${odd
    .slice(0, ODD)
    .map((one) => figure(one, thumbnails, html`<p>${one.width} x ${one.height}</p>`))}</ul>
${odd.length > ODD && html`<p class="note">${count(ODD)} of ${count(odd.length)}.</p>`}`;
}

/** Classes with more than this many rows are folded. */
const ROWS = 40;

function countsTable({ parts, classes }: Checked): Html {
  const table = wideTable(
    [th('class'), ...parts.map(({ part }) => thNum(part === 'all' ? 'pictures' : partWord(part)))],
    classes.map((name, i) => tr([td(name), ...parts.map(({ byClass }) => tdNum(count(byClass[i]!)))])),
    { table: '' },
  );
  return classes.length > ROWS
    ? html`<details><summary>${count(classes.length)} classes</summary>${table}</details>`
    : table;
}
