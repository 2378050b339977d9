import { type Policy, allow, deny } from './policy';

/** Refuses requests that offer one of these tools: built-in types such as `browser_search`, or `function` for any function. */
export function denyTools(...types: readonly string[]): Policy {
  return {
    name: 'deny-tools',
    check({ body }) {
      const tools: readonly unknown[] = Array.isArray(body['tools']) ? body['tools'] : [];
      for (const tool of tools) {
        const type: unknown = typeof tool === 'object' && tool !== null ? Reflect.get(tool, 'type') : undefined;
        if (typeof type === 'string' && types.includes(type)) return deny(`tool ${JSON.stringify(type)} is not to be used.`);
      }
      return allow();
    },
  };
}
