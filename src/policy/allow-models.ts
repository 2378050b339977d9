import { chosenModels, isSystem } from '../sdk/tools';
import { matcher } from '../wildcards';
import { checkNames } from './names';
import { type Policy, type PolicyCall, allow, deny } from './policy';

/** Allows only these models; `*` stands for anything. Operations without a model pass. */
export function allowModels(...models: readonly string[]): Policy {
  checkNames('allowModels', models);
  const matches = matcher(models);
  return {
    name: 'allow-models',
    check(call) {
      const other = modelsOf(call).find((model) => model !== '' && !matches(model));
      return other === undefined ? allow() : deny(`model ${JSON.stringify(other)} is not among ${models.join(', ')}.`);
    },
  };
}

/** Refuses these models; `*` stands for anything. */
export function denyModels(...models: readonly string[]): Policy {
  checkNames('denyModels', models);
  const matches = matcher(models);
  return {
    name: 'deny-models',
    check(call) {
      const found = modelsOf(call).find(matches);
      return found === undefined ? allow() : deny(`model ${JSON.stringify(found)} is among ${models.join(', ')}.`);
    },
  };
}

// A system's model, and those that it is set up to call.
const modelsOf = (call: PolicyCall): readonly string[] =>
  isSystem(call.model, undefined) ? [call.model, ...chosenModels(call.body['compound_custom'])] : [call.model];
