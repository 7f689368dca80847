import { type Html, html } from './draw/html.js';
import type { Section } from './draw/page.js';

/** A task's own part of a report. */
export interface TaskParts {
  /** They follow the curves. */
  sections: readonly Section[];
  /** Sentences that follow from the figures alone. */
  findings: readonly string[];
  /** The 95 % interval of the primary metric, and what it covers. */
  interval?: { low: number; high: number; note: string };
  /** What is to be said beside a metric, by its name. */
  notes?: Readonly<Record<string, string>>;
}

/** A small picture inside a page. */
export interface Shown {
  /** `data:image/...;base64,...` */
  uri: string;
  /** Few pixels, which are clearer as sharp squares than as a blur. */
  pixels: boolean;
}

export const shownPicture = ({ uri, pixels }: Shown, alt: string): Html =>
  html`<img${pixels && html` class="pixels"`} src="${uri}" alt="${alt}">`;
