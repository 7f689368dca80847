import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Markdown without blocks of code, in which brackets are no links. */
const withoutCode = (text: string): string => text.replace(/^( *)```[\s\S]*?^\1```/gm, '').replace(/`[^`\n]*`/g, '`x`');

/** The anchors that GitHub gives to the headings of a page: lower case, no punctuation, spaces as hyphens, repeated ones numbered. */
export function anchors(text: string): Set<string> {
  const found = new Set<string>();
  const plain = text.replace(/^( *)```[\s\S]*?^\1```/gm, '');
  for (const [, title] of plain.matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const slug = title!
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
      .replaceAll(' ', '-');
    let unique = slug;
    for (let i = 1; found.has(unique); i++) unique = `${slug}-${i}`;
    found.add(unique);
  }
  for (const [, id] of plain.matchAll(/<a (?:id|name)="([^"]+)"/g)) found.add(id!);
  return found;
}

/** Links of a Markdown page that lead nowhere; addresses on the web are not looked at. */
export function brokenLinks(page: string, root: string): string[] {
  const text = withoutCode(readFileSync(page, 'utf8'));
  const targets = [
    ...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g),
    ...text.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm),
    ...text.matchAll(/<(?:img|a)\b[^>]*\b(?:src|href)="([^"]+)"/g),
  ].map(([, target]) => target!);
  return targets.flatMap((target) => {
    if (/^[a-z][a-z+.-]*:/i.test(target)) return [];
    const [path, anchor] = target.split('#') as [string, string | undefined];
    const file = path === '' ? page : resolve(dirname(page), decodeURIComponent(path));
    const where = `${relative(root, page)}: ${target}`;
    if (!existsSync(file)) return [`${where} is not there`];
    if (anchor === undefined || anchor === '') return [];
    if (statSync(file).isDirectory()) return [`${where}: a folder has no anchors`];
    const here = readFileSync(file, 'utf8');
    const known = file.endsWith('.md') ? anchors(here).has(anchor) : here.includes(`id="${anchor}"`);
    return known ? [] : [`${where} has no such heading`];
  });
}

/** README and the like, and all pages below docs/. */
export function pagesOf(root: string): string[] {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name));
  return [...readdirSync(root), ...docs].filter((name) => name.endsWith('.md')).map((name) => join(root, name));
}
