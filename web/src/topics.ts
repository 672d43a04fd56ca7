// SPDX-License-Identifier: Apache-2.0
// Topic filters as the MQTT standard has them (MQTT 5.0 section 4.7). Pure functions.

const kTopicBytesMax = 65535;

/** Why `filter` is no topic filter, in words for the person who types it; null when it is one. */
export function filterProblem(filter: string): string | null {
  if (filter === "") return "A filter has at least one character; # follows everything.";
  if (new TextEncoder().encode(filter).length > kTopicBytesMax) return "A filter has at most 65,535 bytes.";
  if (/[\u0000-\u001f\u007f-\u009f]/.test(filter)) return "A filter has no control characters.";
  const levels = filter.split("/");
  for (const [index, level] of levels.entries()) {
    if (level.includes("#") && level !== "#") return "# stands alone in its level: a/#, not a#.";
    if (level === "#" && index !== levels.length - 1) return "# comes last: a/#, not #/a.";
    if (level.includes("+") && level !== "+") return "+ stands alone in its level: a/+/c, not a+/c.";
  }
  return null;
}

/** Whether a valid filter matches a topic name. */
export function filterMatches(filter: string, topic: string): boolean {
  if (topic.startsWith("$") && /^[#+]/.test(filter)) return false;
  const wanted = filter.split("/");
  const levels = topic.split("/");
  for (const [index, level] of wanted.entries()) {
    if (level === "#") return true;
    if (index >= levels.length || (level !== "+" && level !== levels[index])) return false;
  }
  return wanted.length === levels.length;
}
