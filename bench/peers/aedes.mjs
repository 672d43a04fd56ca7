// SPDX-License-Identifier: Apache-2.0
// aedes on loopback, over TCP or WebSocket; prints port=<number>.
import net from 'node:net';
import http from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const aedes = require('aedes')({ concurrency: 1000, queueLimit: 1_000_000 });
let server;
if (process.argv[2] === 'ws') {
  const { WebSocketServer, createWebSocketStream } = require('ws');
  server = http.createServer();
  const sockets = new WebSocketServer({ server, handleProtocols: () => 'mqtt' });
  sockets.on('connection', (socket) => aedes.handle(createWebSocketStream(socket)));
} else {
  server = net.createServer(aedes.handle);
}
server.listen(0, '127.0.0.1', () => console.log(`port=${server.address().port}`));
