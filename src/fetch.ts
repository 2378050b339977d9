// The entry `governed-groq/fetch`: the same governance for clients that are not groq-sdk.
export { governedFetch, type GovernedFetch, type GovernedFetchOptions } from './fetch/governed-fetch';
export { refusalOf } from './fetch/refusals';
