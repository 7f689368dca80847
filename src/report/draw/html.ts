/** Markup that is already safe to put into a page. Made only by {@link html} and {@link trusted}. */
export class Html {
  readonly #markup: string;
  constructor(markup: string) {
    this.#markup = markup;
  }
  toString(): string {
    return this.#markup;
  }
}

/**
 * What a hole in an {@link html} template takes. `undefined`, `null` and `false` print nothing; a list prints its items
 * one after the other.
 */
export type Child = Html | string | number | undefined | null | false | readonly Child[];

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/**
 * Escapes text for an element's content or a quoted attribute. Control characters other than tab and line ends, which
 * HTML forbids, and direction overrides, which can make a file name read as another, become U+FFFD.
 */
export function escapeHtml(text: string): string {
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
    .replace(/[&<>"']/g, (character) => entities[character] as string);
}

/**
 * Marks markup as safe without escaping it: for the output of a renderer, never for anything a person or a file has
 * named.
 */
export function trusted(markup: string): Html {
  return new Html(markup);
}

function print(child: Child): string {
  if (child === undefined || child === null || child === false) return '';
  if (child instanceof Html) return child.toString();
  if (typeof child === 'object') return child.map(print).join('');
  return escapeHtml(String(child));
}

/**
 * Template tag that escapes every hole: `` html`<td title="${path}">${name}</td>` ``. Attributes must be quoted.
 * Only {@link Html} (another template's result) goes in as it is.
 */
export function html(parts: TemplateStringsArray, ...children: readonly Child[]): Html {
  let markup = parts[0] as string;
  children.forEach((child, i) => {
    markup += print(child) + (parts[i + 1] as string);
  });
  return new Html(markup);
}
