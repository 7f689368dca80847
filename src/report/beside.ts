import { type Html, html } from './draw/html.js';

/** Drawings of one picture beside each other. */
export interface Beside {
  /** Few pixels, which are clearer as sharp squares than as a blur. */
  readonly pixels?: boolean;
  readonly source: string;
}

/** Four drawings of a picture in a list of class `beside`. @param panels the drawings, `data:image/...`, and what they are */
export function fourOf(
  { pixels, source }: Beside,
  panels: readonly (readonly [uri: string, what: string])[],
  said: string,
): Html {
  const panel = ([uri, what]: readonly [string, string]): Html =>
    html`<figure><img${pixels === true && html` class="pixels"`} src="${uri}" alt="${what} of ${source}"><figcaption>${what}</figcaption></figure>`;
  return html`<li class="quad whole">${panels.map(panel)}<p>${said}</p><p class="source">${source}</p></li>
`;
}
