// SPDX-License-Identifier: Apache-2.0
// **Goal:** the page shows live events, filters, pauses and opens one event's JSON; text from the bus
//     stays text; an outage is shown and healed; nothing breaks the content security policy.
// **Method:** headless Chromium against `firehose serve` on free ports, a publisher beside it.
//     page_test.mjs PROGRAM SCREENSHOT; or FIREHOSE_PAGE_URL and FIREHOSE_MQTT_URL name a running
//     bus on which anybody may publish.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kPublisher, startBus } from "./bus.mjs";

const kSkipped = 77;
const kStepMs = 15_000;
const require = createRequire(new URL("../../web/package.json", import.meta.url));
let chromium, mqtt;
try {
  ({ chromium } = require("playwright-core"));
  mqtt = require("mqtt");
} catch {
  console.log("SKIPPED: web/node_modules is missing; run npm ci in web/");
  process.exit(kSkipped);
}

const event = (change) => JSON.stringify({
  type: "comment-added",
  author: { name: "Ada Example", username: "ada" },
  approvals: [{ type: "Code-Review", description: "Code-Review", value: "2" }],
  comment: "Looks good to me.",
  change: { project: "infra/bus", branch: "main", number: change, subject: `Change number ${change}` },
  patchSet: { number: 3, revision: "0".repeat(40) },
  eventCreatedOn: 1700000000,
});
const kComments = "gerrit/infra/bus/comment-added";

async function scenario(page, bus, publisher, screenshot) {
  const publish = (topic, payload, options = {}) => publisher.publishAsync(topic, payload, { qos: 1, ...options });
  const rows = page.locator("#rows tr");
  const row = (text) => rows.filter({ hasText: text });
  const follow = async (filter) => {
    await page.fill("#filter", filter);
    await page.press("#filter", "Enter");
  };

  console.log("events appear");
  await page.waitForSelector('#state[data-state="live"]');
  await follow("#");
  // Until the subscription holds nobody knows what is missed: knock until one arrives.
  for (let knock = 0; (await row("knock").count()) === 0; ++knock) {
    await publish("test/knock", `knock ${knock}`);
    await page.waitForTimeout(50);
  }
  await publish(kComments, event(101));
  await row("Change number 101").waitFor();
  const text = await row("Change number 101").innerText();
  for (const part of ["comment-added", "infra/bus", "101,3", "Ada Example", "Code-Review +2", kComments]) {
    assert.ok(text.includes(part), `${part} in ${text}`);
  }

  console.log("text from the bus stays text");
  await publish("test/<b>topic</b>", JSON.stringify({ type: "<img src=x onerror=alert(1)>", title: "<script>x</script>" }));
  await row("<script>x</script>").waitFor();
  assert.equal(await page.locator("#rows img, #rows script, #rows b").count(), 0);

  console.log("a click opens the JSON, Escape closes it");
  await row("Change number 101").click();
  const json = await page.locator("#detail-payload").innerText();
  assert.equal(json, JSON.stringify(JSON.parse(event(101)), null, 2));
  assert.equal(await page.locator("#detail-topic").innerText(), kComments);
  await page.keyboard.press("Escape");
  await page.waitForSelector("#detail", { state: "hidden" });
  await page.keyboard.press("Enter");
  await page.waitForSelector("#detail:not([hidden])");
  await page.keyboard.press("Escape");

  console.log("a filter narrows what is shown and what arrives");
  await follow("gerrit/+/+/comment-added");
  await row("knock").first().waitFor({ state: "detached" });
  await publish("test/other", "not for this filter");
  await publish(kComments, event(102));
  await row("Change number 102").waitFor();
  assert.equal(await row("not for this filter").count(), 0);
  assert.ok((await page.evaluate(() => location.hash)).includes("comment-added"));

  console.log("what is no filter is refused with a reason");
  await follow("a#/b");
  assert.match(await page.locator("#filter-problem").innerText(), /# stands alone/);
  await follow("gerrit/#");

  console.log("pause holds events back and counts them, resume shows them");
  await page.click("#pause");
  for (const change of [103, 104, 105]) await publish(kComments, event(change));
  await page.locator("#pause", { hasText: "3 held" }).waitFor();
  assert.equal(await row("Change number 104").count(), 0);
  await page.click("#pause");
  await row("Change number 105").waitFor();
  assert.match(await rows.first().innerText(), /105/, "newest first");

  console.log("rows are bounded");
  for (let change = 1000; change < 1520; ++change) publish(kComments, event(change));
  await row("Change number 1519").waitFor();
  assert.equal(await rows.count(), 500);
  assert.equal(await row("Change number 1019").count(), 0);

  console.log("a demo says so");
  assert.ok(await page.locator("#demo").isHidden());
  if (bus.mayPublishDemo) {
    await publish("firehose/source/demo/status", "online", { retain: true });
    await page.locator("#demo").waitFor();
    await publish("firehose/source/demo/status", "", { retain: true });
    await page.locator("#demo").waitFor({ state: "hidden" });
  }

  if (screenshot) {
    await row("Change number 1510").click();
    await page.screenshot({ path: screenshot });
    await page.keyboard.press("Escape");
  }

  if (!bus.restart) return;
  console.log("an outage is shown, and healed");
  await bus.stop();
  await page.waitForSelector('#state:not([data-state="live"])');
  await bus.restart();
  await page.waitForSelector('#state[data-state="live"]');
}

const folder = mkdtempSync(join(tmpdir(), "firehose-page-"));
const [program, screenshot] = process.argv.slice(2);
let bus, publisher, browser;
try {
  bus = process.env.FIREHOSE_PAGE_URL
    ? { page: process.env.FIREHOSE_PAGE_URL, mqtt: process.env.FIREHOSE_MQTT_URL, mayPublishDemo: true, stop: () => {} }
    : await startBus(program, folder);
  publisher = await mqtt.connectAsync(bus.mqtt, { ...kPublisher, protocolVersion: 5, reconnectPeriod: 500 });
  publisher.on("error", () => undefined);
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  const page = await browser.newPage({ viewport: { width: 1280, height: 760 } });
  page.setDefaultTimeout(kStepMs);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // While the bus is down the browser says so by itself.
    if (message.type() === "error" && !/WebSocket connection/.test(message.text())) complaints.push(message.text());
  });
  const response = await page.goto(bus.page);
  assert.match(response.headers()["content-security-policy"] ?? "", /default-src 'self'/);
  await scenario(page, bus, publisher, screenshot);
  assert.deepEqual(complaints, []);
  console.log("the page works");
} finally {
  await browser?.close();
  publisher?.end(true);
  await bus?.stop();
  rmSync(folder, { recursive: true, force: true });
}
