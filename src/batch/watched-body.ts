/** Sees a body's bytes go by. */
export interface Watcher {
  push(bytes: Uint8Array): void;
  /** The body was read to its end. */
  end(): void;
}

/**
 * The response with a body that shows its bytes as the caller reads them: no read-ahead, and nothing is kept. A response of
 * another class than the platform's, or without a body, is handed back as it is, unwatched.
 */
export function watchBody(response: Response, watcher: Watcher): Response {
  const { body } = response;
  if (!(body instanceof ReadableStream) || Object.getPrototypeOf(response) !== Response.prototype) return response;
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const open = (): ReadableStreamDefaultReader<Uint8Array> => (reader ??= body.getReader());
  const stream = new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      for (;;) {
        const { done, value } = await open().read();
        if (done) break;
        // A byte stream takes no chunk of nothing, and a pull that brings nothing would not be followed by another.
        if (value.length === 0) continue;
        watcher.push(value);
        // A byte stream takes the buffer away from whoever hands it over, and this one is the source's.
        controller.enqueue(new Uint8Array(value));
        return;
      }
      watcher.end();
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel: (reason) => open().cancel(reason),
  });
  const watched = new Response(stream, response);
  // One that was made here does not know where the original came from.
  for (const name of ['url', 'type', 'redirected', 'headers'] as const) {
    Object.defineProperty(watched, name, { value: response[name], configurable: true });
  }
  return watched;
}
