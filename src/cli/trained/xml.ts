const MARKS: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** A text inside of XML. */
export const escaped = (text: string): string => text.replace(/[&<>"]/g, (mark) => MARKS[mark]!);
