// The head of a column: the bot, who writes to it, what it is doing, and what can be done with this chat.

import * as api from "./api.js";
import { button, element, signButton } from "./elements.js";
import { say } from "./texts.js";

/** @returns {{node: HTMLElement, draw: () => void, status: (text: string|null) => void}} */
export function header(chat) {
  const name = element("span", { class: "bot-name" });
  const line = element("span", { class: "status" });
  const sign = element("span", { class: "avatar bot", "aria-hidden": true });
  const menu = popup(chat);
  let doing = null;
  const draw = () => {
    name.textContent = chat.page.bot.name;
    sign.textContent = chat.page.bot.name.slice(0, 1);
    const gone = chat.page.lost || !chat.page.bot.connected;
    const who = say("writesAs", { name: chat.person.name });
    line.textContent = gone ? `${say("noConnection")} · ${who}` : (doing ?? who);
    line.classList.toggle("doing", !gone && doing !== null);
    line.classList.toggle("gone", gone);
  };
  const status = (text) => {
    doing = text || null;
    draw();
  };
  draw();
  const words = element("div", { class: "who" }, name, line);
  return { node: element("header", { class: "chat-header" }, sign, words, menu), draw, status };
}

/** A button and the list of choices that it opens; Escape, a choice or a press elsewhere closes it. */
function popup(chat) {
  const list = element("div", { class: "menu", role: "menu", hidden: true });
  const opener = signButton("more", say("more"), () => show(list.hidden));
  opener.setAttribute("aria-haspopup", "menu");
  opener.setAttribute("aria-expanded", "false");
  const box = element("div", { class: "popup" }, opener, list);
  const show = (open) => {
    list.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
    if (!open) return;
    list.replaceChildren(...choices(chat).map(([text, act]) => choice(text, act)));
    list.firstChild.focus();
  };
  list.addEventListener("click", () => show(false));
  box.addEventListener("focusout", ({ relatedTarget }) => box.contains(relatedTarget) || show(false));
  list.addEventListener("keydown", (event) => {
    const at = document.activeElement;
    const next = { Escape: opener, ArrowDown: at.nextElementSibling, ArrowUp: at.previousElementSibling }[event.key];
    if (!next) return;
    event.preventDefault();
    next.focus();
    if (next === opener) show(false);
  });
  return box;
}

function choice(text, act) {
  return button({ role: "menuitem", on: { click: act } }, text);
}

function choices(chat) {
  const { id, language, blocked } = chat.person;
  const other = language === "en" ? "ru" : "en";
  const change = async (asked) => {
    try {
      chat.changed(await asked);
    } catch (error) {
      chat.tell(error.message);
    }
  };
  return [
    [say("changeLanguage", { language: say(other) }), () => change(api.changePerson(id, other))],
    [say(blocked ? "unblock" : "block"), () => change(api.block(id, !blocked))],
    ...(chat.page.canHide ? [[say("hide"), () => chat.page.hide(id)]] : []),
  ];
}
