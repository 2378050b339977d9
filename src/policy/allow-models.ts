import { matcher } from '../settings';
import { type Policy, allow, deny } from './policy';

/** Allows only these models; `*` stands for anything. Operations without a model pass. */
export function allowModels(...models: readonly string[]): Policy {
  const matches = matcher(models);
  return {
    name: 'allow-models',
    check: ({ model }) =>
      model === '' || matches(model) ? allow() : deny(`model ${JSON.stringify(model)} is not among ${models.join(', ')}.`),
  };
}

/** Refuses these models; `*` stands for anything. */
export function denyModels(...models: readonly string[]): Policy {
  const matches = matcher(models);
  return {
    name: 'deny-models',
    check: ({ model }) => (matches(model) ? deny(`model ${JSON.stringify(model)} is among ${models.join(', ')}.`) : allow()),
  };
}
