// The inline keyboard under a message.

import { button, element } from "./elements.js";

/** @param {{press: (message: object, key: object) => void, waiting: Set<string>, copy: (text: string) => void}} doors */
export function keyboard(message, doors) {
  const rows = message.reply_markup?.inline_keyboard;
  if (!rows?.length) return null;
  const lines = rows.map((row) => element("div", { class: "keys" }, ...row.map((key) => face(message, key, doors))));
  return element("div", { class: "keyboard" }, ...lines);
}

/** The name of a pressed button for as long as the bot has not answered. */
export function nameOf(message, key) {
  return `${message.message_id}:${key.callback_data}`;
}

function face(message, key, { press, waiting, copy }) {
  if (key.url) return link(key);
  const name = nameOf(message, key);
  const busy = waiting.has(name);
  const click = () => (key.copy_text ? copy(key.copy_text.text) : busy || press(message, key));
  const kind = `key ${key.style ?? ""} ${busy ? "busy" : ""}`;
  return button({ class: kind, data: { focus: name }, "aria-busy": busy, on: { click } }, element("span", {}, key.text));
}

function link({ url, text }) {
  const safe = /^(https?|tg):/i.test(url) ? url : undefined;
  return element("a", { class: "key", href: safe, target: "_blank", rel: "noopener noreferrer" }, element("span", {}, text));
}
