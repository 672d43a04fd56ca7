// SPDX-License-Identifier: Apache-2.0
// Goal:   MQTT.js, the page's client, reads and publishes over WebSocket, TCP and both with TLS, 3.1.1 and 5.0.
// Method: one `firehose serve` on free ports; a reader and a publisher a combination, at each QoS.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { kPublisher, startBus } from "../page/bus.mjs";

const web = join(dirname(fileURLToPath(import.meta.url)), "../../web");
if (!existsSync(join(web, "node_modules/mqtt"))) {
  console.log("SKIPPED: web/node_modules is missing (run npm ci in web; ./test does)");
  process.exit(77);
}
const mqtt = createRequire(join(web, "package.json"))("mqtt");
const kPatienceMs = 15_000;

const within = (promise, what) => Promise.race([
  promise,
  new Promise((_, reject) => setTimeout(() => reject(new Error(`${what}: too late`)), kPatienceMs).unref()),
]);

const folder = mkdtempSync(join(tmpdir(), "firehose-mqttjs-"));
const cert = join(folder, "cert.pem");
const key = join(folder, "key.pem");
execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
  "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert], { stdio: "ignore" });
const listener = (name, speaks) => ["[[listener]]", `name = "${name}"`, 'host = "127.0.0.1"', "port = 0", `speaks = "${speaks}"`,
  `cert_file = "${cert}"`, `key_file = "${key}"`];
const bus = await startBus(process.argv[2], folder, [...listener("tls", "mqtt"), ...listener("wss", "http")]);
const ca = readFileSync(cert);
const urls = [bus.page.replace("http:", "ws:") + "mqtt", bus.page.replace("http:", "ws:"), bus.mqtt,
  `mqtts://localhost:${bus.ports.tls}`, `wss://localhost:${bus.ports.wss}/mqtt`];
let failed = 0;
try {
  for (const url of urls) {
    for (const protocolVersion of [4, 5]) {
      for (const qos of [0, 1, 2]) {
        const name = `${new URL(url).protocol} ${new URL(url).pathname} version ${protocolVersion} qos ${qos}`;
        const reader = mqtt.connect(url, { protocolVersion, reconnectPeriod: 0, ca });
        const publisher = mqtt.connect(url, { protocolVersion, reconnectPeriod: 0, ca, ...kPublisher });
        try {
          const got = new Promise((resolve) => reader.once("message", (topic, payload, packet) =>
            resolve([topic, payload.toString(), packet.qos])));
          const granted = await within(reader.subscribeAsync("js/#", { qos }), "SUBACK");
          assert.equal(granted[0].qos, qos);
          await within(publisher.publishAsync("js/x", name, { qos }), "acknowledgement");
          assert.deepEqual(await within(got, "message"), ["js/x", name, qos]);
          console.log(`ok ${name}`);
        } catch (error) {
          failed += 1;
          console.log(`not ok ${name}: ${error.message}`);
        } finally {
          await Promise.all([reader.endAsync(true), publisher.endAsync(true)]);
        }
      }
    }
  }
} finally {
  await bus.stop();
  rmSync(folder, { recursive: true });
}
process.exit(failed === 0 ? 0 : 1);
