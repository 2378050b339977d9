// Names of teams, users and tags come from outside, and a report is printed to terminals, tickets and pages.

// Almost all names are, and need no closer look.
const PLAIN = /^[ -~]*$/;
// Joiners, variation selectors, skin tones and tags: what they do to the width differs between terminals, what is left does not.
const TOUCHES = /\u200c|\u200d|\p{Variation_Selector}|\p{Emoji_Modifier}|[\u{e0020}-\u{e007f}]/gu;
const CONTROLS = /\p{Cc}/gu;
// Invisible or direction-changing characters, which could make one name look like another, and halves of surrogate pairs.
const HIDDEN = /[\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/gu;
const CLUSTER = /\P{M}\p{M}*|\p{M}+/gu;
// East Asian wide and fullwidth characters, and what is an emoji by itself; half a flag counts as one column.
const WIDE =
  /^(?!\p{Regional_Indicator})(?:[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})/u;

/**
 * A name as text that does nothing but stand there: control characters become their pictures (`␛`), other invisible ones `�`,
 * and emoji are reduced to what all terminals show in equal width.
 */
export function printable(name: string): string {
  if (PLAIN.test(name)) return name;
  return (
    name
      .replace(TOUCHES, '')
      .normalize('NFC')
      .replace(CONTROLS, pictureOf)
      .replace(HIDDEN, '\ufffd')
      // A mark at the very start would join what stands before the name; a pile of marks would reach other lines.
      .replace(/^(?=\p{M})/u, '\u25cc')
      .replace(/(\p{M}{3})\p{M}+/gu, '$1')
  );
}

function pictureOf(control: string): string {
  const code = control.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? '\u2421' : '\ufffd';
}

/** How many columns a terminal needs for printable text. */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const cluster of text.match(CLUSTER) ?? []) width += clusterWidth(cluster);
  return width;
}

function clusterWidth(cluster: string): number {
  // Marks with a width of their own stand beside the character in many terminals.
  const spacing = cluster.match(/\p{Mc}/gu)?.length ?? 0;
  if (/^\p{M}/u.test(cluster)) return spacing;
  return (WIDE.test(cluster) ? 2 : 1) + spacing;
}

/** Printable text in at most so many columns: the middle gives way to `…`, for the ends of names tell them apart. */
export function shortened(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width < 1) return '';
  const clusters = text.match(CLUSTER) ?? [];
  const head = taken(clusters, Math.ceil((width - 1) / 2));
  const tail = taken(clusters.toReversed(), width - 1 - textWidth(head.join('')));
  return `${head.join('')}…${tail.toReversed().join('')}`;
}

function taken(clusters: readonly string[], width: number): string[] {
  let left = width;
  const end = clusters.findIndex((cluster) => (left -= clusterWidth(cluster)) < 0);
  return clusters.slice(0, end < 0 ? clusters.length : end);
}
