/**
 * True if an object in this JSON text has a name twice. Readers differ in which of the two they take, so what is checked might
 * not be what is run. The text must be valid JSON.
 */
export function hasTwinNames(text: string): boolean {
  // The names seen of each object that is open; undefined for a list.
  const open: (Set<string> | undefined)[] = [];
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (char === '{') open.push(new Set());
    else if (char === '[') open.push(undefined);
    else if (char === '}' || char === ']') open.pop();
    else if (char === '"') {
      const end = endOfString(text, index);
      let next = end + 1;
      while (SPACE.has(text[next])) next++;
      if (text[next] === ':') {
        const names = open.at(-1);
        const name: unknown = JSON.parse(text.slice(index, end + 1));
        if (names?.has(String(name))) return true;
        names?.add(String(name));
      }
      index = end;
    }
  }
  return false;
}

const SPACE: ReadonlySet<string | undefined> = new Set([' ', '\t', '\r', '\n']);

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return end;
  }
}
