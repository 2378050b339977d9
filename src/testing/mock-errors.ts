// Error bodies that Groq is known to send. Statuses 424, 498 and 500 were never captured: those texts are made up.

/** The inner `error` object of a body. */
export interface GroqErrorBody {
  readonly message: string;
  readonly type?: string;
  readonly code?: string;
  readonly [field: string]: unknown;
}

/** The bodies that a script can name. */
export type MockErrorName =
  | 'invalid_request'
  | 'invalid_api_key'
  | 'access_denied'
  | 'model_permission_blocked_org'
  | 'model_permission_blocked_project'
  | 'not_found'
  | 'model_not_found'
  | 'model_decommissioned'
  | 'spend_limit_reached'
  | 'blocked_api_access'
  | 'tool_use_failed'
  | 'json_validate_failed'
  | 'request_too_large'
  | 'output_too_large'
  | 'failed_dependency'
  | 'rate_limit_exceeded'
  | 'capacity_exceeded'
  | 'internal_server_error'
  | 'over_capacity';

interface Template {
  readonly status: number;
  body(context: { readonly model: string; readonly wait: string }): GroqErrorBody;
}

/** The organisation that all texts of the mock name. */
export const MOCK_ORGANIZATION = 'org_01mock00000000000000000000';

const UPGRADE = 'Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing';

const invalid = (message: string, code?: string): GroqErrorBody => ({
  message,
  type: 'invalid_request_error',
  ...(code === undefined ? {} : { code }),
});

const templates: Readonly<Record<MockErrorName, Template>> = {
  invalid_request: { status: 400, body: () => invalid('The request is not valid.') },
  invalid_api_key: { status: 401, body: () => invalid('Invalid API Key', 'invalid_api_key') },
  access_denied: { status: 403, body: () => ({ message: 'Access denied. Please check your network settings.' }) },
  model_permission_blocked_org: {
    status: 403,
    body: ({ model }) => ({
      message: `The model \`${model}\` is blocked at the organization level. Please have an org admin enable this model in the org settings at https://console.groq.com/settings/limits`,
      type: 'permissions_error',
      code: 'model_permission_blocked_org',
    }),
  },
  model_permission_blocked_project: {
    status: 403,
    body: ({ model }) => ({
      message: `The model \`${model}\` is blocked at the project level. Please have a project admin enable this model in the project settings at https://console.groq.com/settings/project/limits`,
      type: 'permissions_error',
      code: 'model_permission_blocked_project',
    }),
  },
  not_found: { status: 404, body: () => invalid('Not found.', 'not_found') },
  model_not_found: {
    status: 404,
    body: ({ model }) => invalid(`The model \`${model}\` does not exist or you do not have access to it.`, 'model_not_found'),
  },
  model_decommissioned: {
    status: 400,
    body: ({ model }) =>
      invalid(
        `The model \`${model}\` has been decommissioned and is no longer supported. Please refer to https://console.groq.com/docs/deprecations for a recommendation on which model to use instead.`,
        'model_decommissioned',
      ),
  },
  spend_limit_reached: { status: 400, body: () => spendBlock('spend_limit_reached') },
  blocked_api_access: { status: 400, body: () => spendBlock('blocked_api_access') },
  tool_use_failed: {
    status: 400,
    body: () => ({
      ...invalid(
        "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.",
        'tool_use_failed',
      ),
      failed_generation: '<function=lookup{"query": </function>',
    }),
  },
  json_validate_failed: {
    status: 400,
    body: () => ({
      ...invalid(
        "Failed to validate JSON. Please adjust your prompt. See 'failed_generation' for more details.",
        'json_validate_failed',
      ),
      failed_generation: '',
    }),
  },
  request_too_large: {
    status: 413,
    body: ({ model }) => ({
      message: tooLarge(model, 'on_demand', 'tokens per minute (TPM): Limit 6000, Requested 12328'),
      type: 'tokens',
      code: 'rate_limit_exceeded',
    }),
  },
  output_too_large: {
    status: 429,
    body: ({ model }) => ({
      message: outputTooLarge(model, 'on_demand', 'output tokens per minute (OTPM): Limit 1000, Requested 1333'),
      type: 'tokens',
      code: 'rate_limit_exceeded',
    }),
  },
  failed_dependency: {
    status: 424,
    body: () => ({ message: 'Failed to reach a remote MCP server.', type: 'failed_dependency_error' }),
  },
  rate_limit_exceeded: {
    status: 429,
    body: ({ model, wait }) => ({
      message: limitReached(model, 'on_demand', 'requests per minute (RPM): Limit 30, Used 30, Requested 1', wait),
      type: 'requests',
      code: 'rate_limit_exceeded',
    }),
  },
  capacity_exceeded: {
    status: 498,
    body: () => ({ message: 'Flex tier capacity exceeded. Please try again later.', type: 'capacity_exceeded' }),
  },
  internal_server_error: {
    status: 500,
    body: () => ({ message: 'Internal Server Error', type: 'internal_server_error' }),
  },
  over_capacity: {
    status: 503,
    body: ({ model }) => ({
      message: `${model} is currently over capacity. Please try again and back off exponentially. Visit https://groqstatus.com to see if there is an active incident.`,
      type: 'internal_server_error',
    }),
  },
};

const byStatus = new Map<number, Template>([
  [400, templates.invalid_request],
  [401, templates.invalid_api_key],
  [403, templates.access_denied],
  [404, templates.not_found],
  [413, templates.request_too_large],
  [424, templates.failed_dependency],
  [429, templates.rate_limit_exceeded],
  [498, templates.capacity_exceeded],
  [500, templates.internal_server_error],
  [503, templates.over_capacity],
]);

/** The status and inner error object for a script's `{ status?, error? }`. */
export function groqError(
  { status, error }: { readonly status?: number; readonly error?: MockErrorName | Readonly<Record<string, unknown>> },
  context: { readonly model: string; readonly wait?: string },
): { readonly status: number; readonly error: GroqErrorBody } {
  const named: Template | undefined = typeof error === 'string' ? templates[error] : undefined;
  const code = status ?? named?.status ?? 400;
  const template = named ?? byStatus.get(code);
  const body = template?.body({ model: context.model, wait: context.wait ?? '2s' }) ?? { message: `HTTP ${code}` };
  return { status: code, error: typeof error === 'object' ? { ...body, ...error } : body };
}

/** The text of a 429 that names a time. */
export function limitReached(model: string, tier: string, limit: string, wait: string): string {
  return `Rate limit reached for model \`${model}\` in organization \`${MOCK_ORGANIZATION}\` service tier \`${tier}\` on ${limit}. Please try again in ${wait}. ${UPGRADE}`;
}

/** The text of a 413: more is asked for than the limit ever gives. */
export function tooLarge(model: string, tier: string, limit: string): string {
  return `Request too large for model \`${model}\` in organization \`${MOCK_ORGANIZATION}\` service tier \`${tier}\` on ${limit}, please reduce your message size and try again. ${UPGRADE}`;
}

/** The text of a 429 that no waiting helps: the output asked for is above the limit. */
export function outputTooLarge(model: string, tier: string, limit: string): string {
  return `Request too large for model \`${model}\` in organization \`${MOCK_ORGANIZATION}\` service tier \`${tier}\` on ${limit}. The request's expected output tokens exceed the enforced limit; reduce max_tokens (or the request's expected output) and try again.`;
}

function spendBlock(code: string): GroqErrorBody {
  return invalid(
    'Organization has blocked API access because a spend alert threshold was met. Please visit https://console.groq.com/settings/billing to manage your spend alerts.',
    code,
  );
}
