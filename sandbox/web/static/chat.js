// One column: a pretend user's chat with the bot.

import * as api from "./api.js";
import { bubble } from "./bubble.js";
import { Composer } from "./composer.js";
import { button, element, signButton } from "./elements.js";
import { measureQuotes } from "./entities.js";
import { header } from "./header.js";
import { History, isMine } from "./history.js";
import { nameOf } from "./keyboard.js";
import { dayOf, known, say } from "./texts.js";
import { alertBox, toast } from "./viewer.js";

const ACTION_MS = 5500;
const NEAR_PX = 120;

export class Chat {
  /**
   * @param {{id: number, name: string, language: string, blocked: boolean}} person
   * @param {{bot: object, hide: (id: number) => void, unread: () => void}} page
   */
  constructor(person, page) {
    this.person = person;
    this.page = page;
    this.unread = 0;
    this.history = new History();
    this.waiting = new Set();
    this.unfolded = new Set();
    this.drawn = new Map();
    this.early = null;
    this.loaded = false;
    this.menu = {};
    this.#build();
  }

  #build() {
    this.list = element("ol", { class: "messages" });
    // The log is around the list: a list that is a log would leave its items without a list.
    const log = { role: "log", "aria-label": say("messages"), "aria-live": "polite" };
    this.scroller = element("div", { class: "scroller", tabIndex: 0, ...log }, this.list);
    this.scroller.addEventListener("scroll", () => this.#scrolled());
    this.scroller.addEventListener("pointerdown", () => this.composer.commands.close());
    this.stuck = true;
    this.endTop = 0;
    const resized = new ResizeObserver(() => this.#resized());
    resized.observe(this.list);
    resized.observe(this.scroller);
    this.down = signButton("down", say("newMessages"), () => this.toEnd(), "down");
    this.notes = element("div", { class: "notes", role: "status" });
    this.empty = this.#emptyNote();
    this.composer = new Composer(this);
    this.header = header(this);
    const room = element("div", { class: "room-of-chat" }, this.scroller, this.empty, this.down, this.notes);
    const label = say("chatOf", { name: this.person.name });
    const parts = [this.header.node, room, this.composer.node];
    this.node = element("section", { class: "chat", "aria-label": label, data: { user: this.person.id } }, ...parts);
    this.composer.acceptDrops(this.node);
  }

  #scrolled() {
    this.stuck = this.#nearEnd();
    this.down.classList.toggle("shown", !this.stuck);
  }

  /** A picture or a keyboard that grew must not push the newest message out of sight. */
  #resized() {
    if (!this.isVisible) return;
    measureQuotes(this.list);
    if (this.#isHeldAtEnd()) this.toEnd();
  }

  /** Whether nobody has scrolled up since the newest message was shown; the browser tells of a scroll only later. */
  #isHeldAtEnd() {
    return this.stuck && (this.scroller.scrollTop >= this.endTop || this.#nearEnd());
  }

  /** Whether the column is on the page and not hidden by the style sheet. */
  get isVisible() {
    return this.node.offsetParent !== null;
  }

  #emptyNote() {
    const start = button({ class: "plain", on: { click: () => this.composer.sendText("/start") } }, say("start"));
    return element("div", { class: "empty", hidden: true }, element("p", {}, say("empty")), start);
  }

  /** Everything anew from the sandbox. What happens meanwhile is kept and applied after. */
  async load() {
    this.early = [];
    try {
      const [messages] = await Promise.all([api.messages(this.person.id), this.readCommands()]);
      this.history.replace(messages);
    } finally {
      const early = this.early ?? [];
      this.early = null;
      for (const [name, data] of early) this.#apply(name, data);
    }
    this.draw();
    this.loaded = true;
    this.#showIfEmpty();
  }

  /** Which commands the bot has for this person, by language. */
  async readCommands() {
    this.menu = await api.commands(this.person.id);
    this.composer.draw();
  }

  /** The commands in the person's language, else those for everybody. */
  get commands() {
    return this.menu[this.person.language] ?? this.menu[""] ?? [];
  }

  /** Something happened in this chat. */
  happened(name, data) {
    if (this.early) {
      this.early.push([name, data]);
      return;
    }
    this.#apply(name, data);
    this.draw();
  }

  #apply(name, data) {
    if (name === "action") this.#act(data.action);
    if (name === "deleted") this.history.remove(data.message_id);
    if (name !== "message" && name !== "edited") return;
    if (name === "message" && !isMine(data)) {
      this.#act(null);
      this.unread += this.isVisible ? 0 : 1;
      this.page.unread();
    }
    this.history.put(data);
  }

  #act(action) {
    clearTimeout(this.acting);
    this.header.status(action && (known(action) ? say(action) : say("typing")));
    if (action) this.acting = setTimeout(() => this.header.status(null), ACTION_MS);
  }

  /** The person or the bot is not what they were: blocked, other language, other commands, back on line. */
  changed(person = this.person) {
    this.person = person;
    this.header.draw();
    this.composer.draw();
  }

  /** Brings the page in step with the history; bubbles that did not change stay untouched. */
  draw() {
    const focus = this.#focused();
    const lines = this.#lines();
    const keys = new Set(lines.map(([key]) => key));
    for (const [key, { node }] of this.drawn) if (!keys.has(key) && this.drawn.delete(key)) node.remove();
    let above = null;
    for (const [key, signature, make] of lines) {
      const node = this.#drawn(key, signature, make);
      const there = above ? above.nextSibling : this.list.firstChild;
      if (node !== there) this.list.insertBefore(node, there);
      above = node;
    }
    this.#refocus(focus);
    this.#showIfEmpty();
    this.#resized();
  }

  /** Which bubble has the focus, and which button in it. */
  #focused() {
    const { activeElement } = document;
    if (!this.list.contains(activeElement)) return null;
    const [key] = [...this.drawn].find(([, { node }]) => node.contains(activeElement)) ?? [];
    return { key, name: activeElement.dataset.focus };
  }

  /**
   * A press may take its button away, or its whole message. The focus goes to the same button, else to the first one of
   * the message, else to the message; where that is gone, to the last message with buttons.
   */
  #refocus(focus) {
    if (!focus || this.list.contains(document.activeElement)) return;
    const here = this.drawn.get(focus.key)?.node;
    const data = focus.name?.slice(focus.name.indexOf(":") + 1);
    const keyboards = [...this.list.querySelectorAll(".keyboard")];
    const place = here ?? keyboards.at(-1)?.closest(".message") ?? this.list.lastElementChild;
    const keys = [...(place?.querySelectorAll(".key[data-focus]") ?? [])];
    const target = keys.find((key) => key.dataset.focus.endsWith(`:${data}`)) ?? keys[0] ?? place ?? this.scroller;
    if (target === place) place.tabIndex = -1;
    target.focus({ preventScroll: true });
  }

  #showIfEmpty() {
    this.empty.hidden = !this.loaded || this.history.size > 0;
  }

  /** What stands in the list, top to bottom: [key, what decides its look, how to make it]. */
  #lines() {
    const lines = [];
    const groups = this.history.bubbles;
    groups.forEach(([key, messages], place) => {
      const day = dayOf(messages[0].date);
      const before = groups[place - 1]?.[1];
      if (!before || dayOf(before[0].date) !== day) lines.push([`day-${day}`, day, () => dayLine(day)]);
      const next = groups[place + 1]?.[1];
      const tail = !next || isMine(next[0]) !== isMine(messages[0]) || next[0].date - messages[0].date > 600;
      const busy = messages.flatMap(({ message_id: id }) => [...this.waiting].filter((name) => name.startsWith(`${id}:`)));
      lines.push([key, JSON.stringify([messages, tail, busy]), () => this.#bubble(messages, tail)]);
    });
    return lines;
  }

  #drawn(key, signature, make) {
    const before = this.drawn.get(key);
    if (before?.signature === signature) return before.node;
    const node = make();
    this.drawn.set(key, { signature, node });
    if (before) before.node.replaceWith(node);
    else node.classList.toggle("new", this.loaded);
    return node;
  }

  #bubble(messages, tail) {
    const node = bubble(messages, {
      command: (text) => this.composer.sendText(text),
      copy: (text) => this.copy(text),
      edit: (message) => this.composer.edit(message),
      press: (message, key) => this.press(message, key),
      unfolded: this.unfolded,
      waiting: this.waiting,
    });
    node.classList.toggle("tail", tail);
    // A touch has no hover: a tap beside links and buttons shows what can be done with the message.
    node.addEventListener("click", ({ target }) => target.closest("a, button, [role=button]") || this.#pick(node));
    return node;
  }

  #pick(node) {
    for (const other of this.list.querySelectorAll(".picked")) if (other !== node) other.classList.remove("picked");
    node.classList.toggle("picked");
  }

  /** Presses a button of the bot's and shows its answer. */
  async press(message, key) {
    const name = nameOf(message, key);
    this.waiting.add(name);
    this.draw();
    try {
      this.#answered(await api.press(this.person.id, message.message_id, key.callback_data));
    } catch (error) {
      this.tell(error.message);
    }
    this.waiting.delete(name);
    this.draw();
  }

  #answered(answer) {
    if (answer.show_alert && answer.text) alertBox(answer.text);
    else if (answer.text) this.tell(answer.text);
    if (/^(https?|tg):/i.test(answer.url ?? "")) window.open(answer.url, "_blank", "noopener");
  }

  async copy(text) {
    await navigator.clipboard.writeText(text);
    this.tell(say("copied"));
  }

  /** A short note over this chat. */
  tell(text) {
    toast(this.notes, text);
  }

  /** To the newest message. */
  toEnd() {
    this.stuck = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.endTop = this.scroller.scrollTop;
  }

  #nearEnd() {
    return this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < NEAR_PX;
  }
}

function dayLine(day) {
  return element("li", { class: "day" }, element("span", {}, day));
}
