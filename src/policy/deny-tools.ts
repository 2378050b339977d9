import { isSystem, systemTools, toolsIn } from '../sdk/tools';
import { checkNames } from './names';
import { type Policy, allow, deny } from './policy';

/**
 * Refuses requests that offer one of these tools: built-in types such as `browser_search`, or `function` for any function. A
 * system offers those that the request enables, or all of its own.
 */
export function denyTools(...types: readonly string[]): Policy {
  checkNames('denyTools', types);
  return {
    name: 'deny-tools',
    check({ model, body }) {
      const tools = toolsIn(body['tools'], body['functions']);
      if (tools === undefined) return deny('tools is not a list of tools.');
      const own = isSystem(model, undefined) ? systemTools(body['compound_custom']) : [];
      const found = [...tools, ...own].find(({ type }) => types.includes(type));
      return found ? deny(`tool ${JSON.stringify(found.type)} is not to be used.`) : allow();
    },
  };
}
