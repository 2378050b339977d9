// A Groq on a loopback port, in a process of its own. Tells its parent the port.

import { createServer } from 'node:http';
import { completionHeaders, completionText } from './fixtures.mjs';

const server = createServer((request, response) => {
  request.resume().once('end', () => {
    response.writeHead(200, completionHeaders).end(completionText);
  });
});
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.once('disconnect', () => process.exit());
