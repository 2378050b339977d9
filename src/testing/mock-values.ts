// Reading data of unknown shape: what is not as expected counts as empty.
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value if it is an object, else an empty one. */
export const asRecord = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});

/** The value if it is a list, else an empty one. */
export const asArray = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The value if it is a text, else an empty one. */
export const asText = (value: unknown): string => (typeof value === 'string' ? value : '');
