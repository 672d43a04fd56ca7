// SPDX-License-Identifier: Apache-2.0
// The page's one MQTT connection: over WebSocket to the host that served the page.
import mqtt from "mqtt";
import type { MqttClient } from "mqtt";

export type ConnectionState = "connecting" | "live" | "offline";

export interface ConnectionListener {
  onState(state: ConnectionState): void;
  onMessage(topic: string, payload: Uint8Array, qos: number, retained: boolean): void;
  /** The server did not grant this filter. */
  onRefused(filter: string): void;
}

const kReconnectMs = 2000;

export class Connection {
  private readonly client: MqttClient;
  private followed: string | null = null;

  /** `always` is followed beside the filter that `follow` names. */
  constructor(private readonly always: string, private readonly listener: ConnectionListener) {
    const url = new URL("/mqtt", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    listener.onState("connecting");
    this.client = mqtt.connect(url.href, {
      protocolVersion: 5,
      clean: true,
      keepalive: 60,
      reconnectPeriod: kReconnectMs,
      connectTimeout: 10_000,
      resubscribe: false,
      // Other variants start a worker from a blob:, which the page's content security policy refuses.
      timerVariant: "native",
    });
    this.client.on("connect", () => {
      this.subscribe(this.always);
      if (this.followed !== null) this.subscribe(this.followed);
      listener.onState("live");
    });
    this.client.on("close", () => listener.onState("offline"));
    this.client.on("reconnect", () => listener.onState("connecting"));
    this.client.on("error", () => undefined); // `close` follows and says what matters here.
    this.client.on("message", (topic, payload, packet) =>
      listener.onMessage(topic, payload, packet.qos, packet.retain));
  }

  /** Follows this filter in place of the one before. */
  follow(filter: string): void {
    const before = this.followed;
    this.followed = filter;
    if (!this.client.connected) return; // The `connect` above subscribes.
    if (before !== null && before !== filter && before !== this.always) this.client.unsubscribe(before);
    this.subscribe(filter);
  }

  private subscribe(filter: string): void {
    this.client.subscribe(filter, { qos: 0 }, (error, granted) => {
      const refused = granted?.some((one) => one.qos >= 0x80) ?? false;
      if ((refused || error) && this.client.connected && filter === this.followed) this.listener.onRefused(filter);
    });
  }
}
