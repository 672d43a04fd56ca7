// SPDX-License-Identifier: Apache-2.0
// Starts `firehose serve` on free ports with one publisher who may write everything.
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

export const kPublisher = { username: "tester", password: "a secret of this test" };
const kStartMs = 30_000;
const kStopMs = 10_000;

/**
 * Resolves with {page, mqtt, mayPublishDemo, ports, stop(), restart()}; restart keeps the ports of page and mqtt.
 * `more`: lines of configuration; `ports` has the named listeners among them.
 */
export async function startBus(program, folder, more = []) {
  const passwords = join(folder, "passwords");
  const made = spawnSync(program, ["passwd", passwords, kPublisher.username], { input: kPublisher.password + "\n" });
  if (made.status !== 0) throw new Error(`firehose passwd: ${made.stderr}`);
  writeFileSync(join(folder, "acl"), `topic read #\n\nuser ${kPublisher.username}\ntopic readwrite #\n`);

  let ports = { mqtt: 0, http: 0 };
  let child = null;
  const start = async () => {
    const config = join(folder, "firehose.toml");
    writeFileSync(config, [
      `data = "${join(folder, "data")}"`,
      "[listen]",
      `mqtt = ["127.0.0.1:${ports.mqtt}"]`,
      `http = ["127.0.0.1:${ports.http}"]`,
      "[auth]",
      `password_file = "${passwords}"`,
      `acl_file = "${join(folder, "acl")}"`,
      ...more,
      "",
    ].join("\n"));
    child = spawn(program, ["serve", "-c", config], { stdio: ["ignore", "pipe", "inherit"] });
    ports = await readyPorts(child);
  };
  const stop = async () => {
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    const killer = setTimeout(() => child.kill("SIGKILL"), kStopMs);
    const code = await ended;
    clearTimeout(killer);
    child = null;
    if (code !== 0) throw new Error(`firehose serve ended with ${code}`);
  };
  await start();
  return {
    page: `http://127.0.0.1:${ports.http}/`,
    mqtt: `mqtt://127.0.0.1:${ports.mqtt}`,
    mayPublishDemo: true,
    ports,
    stop,
    restart: start,
  };
}

/** The ports of the line `ready mqtt=127.0.0.1:1883 http=127.0.0.1:8080 name=127.0.0.1:8883`. */
function readyPorts(child) {
  return new Promise((resolve, reject) => {
    let printed = "";
    const late = setTimeout(() => reject(new Error(`not ready in time; it said: ${printed}`)), kStartMs);
    child.once("exit", (code) => reject(new Error(`ended with ${code} before it was ready; it said: ${printed}`)));
    child.stdout.on("data", (bytes) => {
      printed += bytes;
      const ready = /^ready\b.*\n/m.exec(printed)?.[0];
      if (!ready) return;
      clearTimeout(late);
      const found = [...ready.matchAll(/(\w+)=[^ ,\n]*?:(\d+)(?=[ ,\n])/g)];
      resolve(Object.fromEntries(found.map(([, name, port]) => [name, Number(port)])));
    });
  });
}
