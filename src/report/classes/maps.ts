import { significant } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { type Shown, shownPicture } from '../parts.js';
import type { Mistake } from './mistakes.js';

/** Where a network saw classes in some pictures, or why that cannot be told. */
export type ClassMaps =
  | {
      /** What the strongest colour stands for: of all maps alike, so that they may be compared. */
      limit: number;
      pictures: readonly {
        picture: Shown;
        /** One a class that was asked for, with the class's score (logit). */
        maps: readonly { overlay: Shown; score: number }[];
      }[];
    }
  | { none: string };

/** Red, green and blue of what speaks for a class and against it: orange and blue, which no common colour blindness confuses. */
export const MAP_COLOURS = { for: [240, 120, 10], against: [40, 105, 225] } as const;

const css = (colour: readonly number[]): string => `rgb(${colour.join(' ')})`;

/** The worst mistakes, each beside its maps of the predicted and of the true class. */
export function mapsBody(maps: ClassMaps, mistakes: readonly Mistake[]): Html {
  if ('none' in maps) return html`<p class="note">${maps.none}</p>`;
  const { limit, pictures } = maps;
  const most = significant(limit, 2);
  const { for: speaks, against } = MAP_COLOURS;
  return html`<p class="note">Class activation maps: the colour of a place is what it adds to the score (logit) of a class. \
The mean of a map and the class's bias are the score exactly; the class with the highest one is predicted. \
One scale for all maps, and enlarged bilinearly from the few positions that the network has.</p>
<p class="note legend">against the class −${most}<span class="map-scale" \
style="background: linear-gradient(90deg, ${css(against)}, rgb(128 128 128), ${css(speaks)})"></span>+${most} for it</p>
<ul class="maps">${pictures.map(({ picture, maps: [predicted, real] }, i) => {
    const { label, predicted: given, probability, source } = mistakes[i]!;
    return html`<li><figure>${shownPicture(picture, `A picture of ${label}, taken for ${given}`)}<figcaption>is ${label}</figcaption></figure>
${panel(predicted!, given, `predicted, ${(100 * probability).toFixed(1)}\u00a0%`)}${panel(real!, label, 'true')}<p class="source">${source}</p></li>
`;
  })}</ul>`;
}

const panel = ({ overlay, score }: { overlay: Shown; score: number }, name: string, what: string): Html =>
  html`<figure>${shownPicture(overlay, `Where the network saw ${name}`)}<figcaption><b>${name}</b><br>${what}<br>\
score ${significant(score, 3).replace('-', '−')}</figcaption></figure>
`;
