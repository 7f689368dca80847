import { html } from './draw/html.js';
import type { Section } from './draw/page.js';
import { type Shown, shownPicture } from './parts.js';

/** A sample of a training batch as the network saw it, or why there is none. */
export type SeenBatch =
  | {
      pictures: readonly (Shown & { caption: string })[] /** Which they are, and what was done to them. */;
      note: string;
    }
  | { none: string };

/** The sample as a section of a page. */
export function seenSection(seen: SeenBatch): Section {
  const body =
    'none' in seen
      ? html`<p class="note">${seen.none}</p>`
      : html`<p class="note">${seen.note}</p>
<ul class="mistakes">${seen.pictures.map(
          (one) => html`<li>${shownPicture(one, `A training picture of ${one.caption}`)}<p>${one.caption}</p></li>
`,
        )}</ul>`;
  return { id: 'seen', title: 'What the network saw in training', body };
}
