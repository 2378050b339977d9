const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text as HTML that shows just it, also within quotes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

/** A name as HTML, whose direction of writing does not change what stands beside it. */
export const nameHtml = (name: string): string => `<bdi>${escapeHtml(name)}</bdi>`;

/** Data as JSON for a script element that is not run: nothing in it ends the element or begins another. */
export const jsonHtml = (data: unknown): string =>
  JSON.stringify(data).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
