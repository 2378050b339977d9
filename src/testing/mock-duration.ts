/** A duration as Go prints it, which is how Groq's headers and error texts show one: `2m59.56s`, `570ms`, `1h0m0s`. */
export function formatGoDuration(ms: number): string {
  const nanos = Math.max(0, Math.floor(ms * 1e6 + 1e-3));
  if (nanos === 0) return '0s';
  if (nanos < 1e3) return `${nanos}ns`;
  if (nanos < 1e6) return `${decimal(nanos, 3)}µs`;
  if (nanos < 1e9) return `${decimal(nanos, 6)}ms`;
  const hours = Math.floor(nanos / 3.6e12);
  const minutes = Math.floor((nanos % 3.6e12) / 6e10);
  const seconds = `${decimal(nanos % 6e10, 9)}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

/** `value ÷ 10^digits` without trailing zeros. */
function decimal(value: number, digits: number): string {
  const text = String(value).padStart(digits + 1, '0');
  const fraction = text.slice(-digits).replace(/0+$/, '');
  return text.slice(0, -digits) + (fraction === '' ? '' : `.${fraction}`);
}
