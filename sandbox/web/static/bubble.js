// One bubble: what a message, or all messages of an album, look like.

import { element, signButton } from "./elements.js";
import { formatted } from "./entities.js";
import { isEditable, isMine } from "./history.js";
import { keyboard } from "./keyboard.js";
import { media } from "./media.js";
import { say, timeOf } from "./texts.js";

/**
 * @param {Array<object>} messages one message, or the parts of an album
 * @param {{command: Function, copy: Function, edit: Function, press: Function,
 *   unfolded: Set<string>, waiting: Set<string>}} doors what presses do; what is unfolded, what waits for an answer
 */
export function bubble(messages, doors) {
  const mine = isMine(messages[0]);
  const captioned = messages.filter((message) => message.caption);
  const files = messages.some((message) => message.document && !message.animation);
  const meta = stamp(messages);
  const beside = (message) => files && message.caption && words(message, meta, doors);
  const own = messages.find((message) => message.text) ?? (files ? undefined : captioned[0]);
  const body = own && words(own, meta, doors);
  const parts = [...media(messages, beside), body].filter(Boolean);
  const shape = parts[0]?.matches(".mosaic") ? "pictured" : "";
  const kind = body ? "" : files ? "files" : "bare";
  const last = messages.at(-1);
  return element(
    "li",
    { class: `message ${mine ? "mine" : "theirs"}`, data: { id: last.message_id } },
    element("div", { class: `bubble ${kind} ${shape}` }, quoted(messages[0]), ...parts, meta),
    actions(messages, own ?? captioned[0], doors),
    keyboard(last, doors),
  );
}

function words(message, meta, doors) {
  const text = message.text ?? message.caption;
  const entities = message.text ? message.entities : message.caption_entities;
  const body = formatted(text, entities, { ...doors, key: String(message.message_id) });
  // Keeps room for the time in the last line, where it stands over the text.
  body.append(element("span", { class: "room", data: { as: meta.textContent } }));
  return body;
}

function stamp(messages) {
  const edited = messages.some((message) => message.edit_date);
  const time = timeOf(messages.at(-1).date);
  return element("span", { class: "meta" }, edited && element("span", { class: "edited" }, `${say("edited")} `), time);
}

function quoted({ reply_to_message: original }) {
  if (!original) return null;
  const line = original.text ?? original.caption ?? say(original.photo ? "photo" : "file");
  return element("div", { class: "reply" }, line);
}

/** The user's own text can be edited, the bot's copied. */
function actions(messages, own, doors) {
  const edited = messages.find(isEditable);
  const copy = () => doors.copy(own.text ?? own.caption);
  if (!edited && !own) return null;
  const action = edited ? ["pencil", say("edit"), () => doors.edit(edited)] : ["copy", say("copy"), copy];
  return element("div", { class: "actions" }, signButton(...action, "small"));
}
