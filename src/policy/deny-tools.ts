import { toolsIn } from '../sdk/tools';
import { type Policy, allow, deny } from './policy';

/** Refuses requests that offer one of these tools: built-in types such as `browser_search`, or `function` for any function. */
export function denyTools(...types: readonly string[]): Policy {
  return {
    name: 'deny-tools',
    check({ body }) {
      const tools = toolsIn(body['tools'], body['functions']);
      if (tools === undefined) return deny('tools is not a list of tools.');
      const found = tools.find(({ type }) => types.includes(type));
      return found ? deny(`tool ${JSON.stringify(found.type)} is not to be used.`) : allow();
    },
  };
}
