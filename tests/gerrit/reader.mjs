// SPDX-License-Identifier: Apache-2.0
// reader.mjs SOURCE_FOLDER ws://HOST:PORT FILTER: MQTT.js, as a browser would read.
// Prints `ready` once it is subscribed, then `<topic> <payload in hex>` for each message.
import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, url, filter] = process.argv.slice(2);
const mqtt = createRequire(join(folder, "web/package.json"))("mqtt");
const client = mqtt.connect(url, { protocolVersion: 5, reconnectPeriod: 0 });
client.on("error", (error) => {
  console.error(String(error));
  process.exit(1);
});
client.on("message", (topic, payload) => console.log(`${topic} ${payload.toString("hex")}`));
client.on("connect", () => client.subscribe(filter, { qos: 2 }, (error) => {
  if (error) throw error;
  console.log("ready");
}));
