import { fileSystem } from '../platform';

/** The text of Chart.js, put here when the library is built. */
declare const CHART_SOURCE: string;

const PATH = 'node_modules/chart.js/dist/chart.umd.min.js';

let source: string | undefined;

/** The code of the charts, as a text for a script element. */
export const chartSource = (): string => (source ??= forPage(builtIn() ?? installed()));

function builtIn(): string | undefined {
  try {
    return CHART_SOURCE;
  } catch {
    // A ReferenceError: the sources run as they are.
    return undefined;
  }
}

function installed(): string {
  try {
    const text = fileSystem()?.readFileSync(PATH, 'utf8');
    if (text !== undefined) return text;
  } catch {
    // Said below.
  }
  throw new Error(`An HTML report needs the code of its charts, which is not built in here, and there is no ${PATH} to read.`);
}

// The map would be another request, and the end of a script must not be found in its middle.
const forPage = (text: string): string =>
  text.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n').replace(/<(?=\/script|!--)/gi, '\\x3c');
