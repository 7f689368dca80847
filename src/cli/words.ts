export const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** A command as it is typed: words that a shell would take apart stand in quotes. */
export const commandLine = (words: readonly string[]): string =>
  words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
