// Lists travel as arrays in PostgreSQL's own notation, which keeps numbers exact, knows Infinity, and is read fast.

/** `{1,2,null}` */
export function list(values: Iterable<number | boolean | null>): string {
  let text = '';
  for (const value of values) text += text === '' ? String(value) : `,${String(value)}`;
  return `{${text}}`;
}

/** `{"a","b"}`, of texts that can be stored. */
export function texts(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`;
}

/** Undoes `list` for numbers; several lists are separated by a space. */
export function lists(text: string): readonly (readonly number[])[] {
  return text.split(' ').map((part) => {
    const inner = part.replace(/[{}]/g, '');
    return inner === '' ? [] : inner.split(',').map(Number);
  });
}

/** For each item, the place (from 1) of the last one before it with the same id, or 0. */
export function twinsOf(ids: readonly string[]): readonly number[] {
  const places: Map<string, number> = new Map();
  return ids.map((id, index) => {
    const place = places.get(id) ?? 0;
    places.set(id, index + 1);
    return place;
  });
}

/** The array that a text in JSON stands for. */
export function parsedArray(json: string): readonly unknown[] {
  const parsed: unknown = JSON.parse(json);
  return Array.isArray(parsed) ? (parsed as readonly unknown[]) : [];
}
