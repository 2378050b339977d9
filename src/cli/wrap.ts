import { textWidth } from '../report/names';

/** Breaks printable text into lines of at most so many columns, between words; a word that is longer stands alone. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** The same with a margin on the left, and another before the first line's text, e.g. a mark. */
export function paragraph(text: string, width: number, first: string, firstWidth: number = textWidth(first)): string[] {
  const margin = ' '.repeat(firstWidth);
  return wrapped(text, Math.max(20, width - firstWidth)).map((line, index) => (index === 0 ? first : margin) + line);
}
