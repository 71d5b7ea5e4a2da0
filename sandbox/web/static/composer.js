// Where a message is written: text, attachments, the command menu, and the edit of an own message.

import * as api from "./api.js";
import { Attachments } from "./attachments.js";
import { Commands } from "./commands.js";
import { button, element, icon, signButton } from "./elements.js";
import { say } from "./texts.js";

export class Composer {
  constructor(chat) {
    this.chat = chat;
    this.edited = null;
    this.attachments = new Attachments(() => this.draw(), (text) => this.chat.tell(text));
    this.commands = new Commands((text) => this.sendText(text));
    this.#build();
    this.draw();
  }

  #build() {
    this.input = element("textarea", { rows: 1, dir: "auto" });
    this.input.addEventListener("input", () => this.draw());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("paste", (event) => this.#paste(event));
    this.submit = signButton("send", say("send"), () => this.send(), "send");
    this.attach = signButton("attach", say("attach"), () => this.attachments.pick());
    const open = { click: () => this.#toggleCommands() };
    const face = [icon("menu"), element("span", {}, say("menu"))];
    this.menu = button({ class: "menu-button", label: say("commands"), on: open }, ...face);
    this.banner = element("div", { class: "banner", hidden: true });
    this.line = element("div", { class: "line" }, this.menu, this.attach, this.input, this.submit);
    const unblock = button({ class: "plain wide", on: { click: () => this.#unblock() } }, say("unblock"));
    this.barred = element("div", { class: "barred" }, unblock);
    const parts = [this.commands.node, this.banner, this.attachments.node, this.line, this.barred];
    this.node = element("footer", { class: "composer" }, ...parts);
  }

  /** Brings the page in step with what is written, attached and edited. */
  draw() {
    const { blocked } = this.chat.person;
    this.line.hidden = blocked;
    this.barred.hidden = !blocked;
    const files = this.attachments.files.length > 0;
    this.input.placeholder = say(files ? "caption" : "write");
    this.input.setAttribute("aria-label", this.input.placeholder);
    this.attach.hidden = this.edited !== null;
    this.menu.hidden = this.edited !== null || files;
    const sign = this.edited ? "check" : "send";
    this.submit.replaceChildren(icon(sign));
    this.submit.title = say(this.edited ? "save" : "send");
    this.submit.setAttribute("aria-label", this.submit.title);
    this.submit.disabled = !files && !this.input.value.trim();
    this.input.rows = Math.min(7, this.input.value.split("\n").length);
    const typed = this.edited || files ? "" : this.input.value;
    this.commands.offer(this.chat.commands, typed);
  }

  #key(event) {
    if (event.isComposing || this.commands.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.send();
    }
    if (event.key === "Escape" && this.edited) this.#stopEditing();
    const last = event.key === "ArrowUp" && !this.input.value && this.chat.history.lastEditable;
    if (last) {
      event.preventDefault();
      this.edit(last);
    }
  }

  #paste(event) {
    const files = [...event.clipboardData.files];
    if (!files.length || this.edited) return;
    event.preventDefault();
    this.attachments.add(files);
  }

  #toggleCommands() {
    this.commands.toggle(this.chat.commands);
    // On a phone the focus would bring the keyboard up over the list.
    if (!matchMedia("(hover: none)").matches) this.input.focus();
  }

  async #unblock() {
    await this.#try(async () => this.chat.changed(await api.block(this.chat.person.id, false)));
  }

  /** Files that are dropped anywhere on the column are attached. */
  acceptDrops(column) {
    column.dataset.drop = say("drop");
    const carries = (event) => event.dataTransfer.types.includes("Files") && !this.chat.person.blocked && !this.edited;
    column.addEventListener("dragover", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      column.classList.add("dropping");
    });
    column.addEventListener("dragleave", ({ relatedTarget }) => {
      if (!column.contains(relatedTarget)) column.classList.remove("dropping");
    });
    column.addEventListener("drop", (event) => {
      column.classList.remove("dropping");
      if (!carries(event)) return;
      event.preventDefault();
      this.attachments.add([...event.dataTransfer.files]);
      this.input.focus();
    });
  }

  /** Takes an own message into the input; the next send changes it. */
  edit(message) {
    this.edited = message;
    this.input.value = message.text ?? message.caption ?? "";
    const stop = signButton("close", say("stopEditing"), () => this.#stopEditing(), "small");
    const words = [element("b", {}, say("editing")), element("span", {}, this.input.value)];
    this.banner.replaceChildren(icon("pencil"), element("div", { class: "words" }, ...words), stop);
    this.banner.hidden = false;
    this.draw();
    this.input.focus();
  }

  #stopEditing() {
    this.edited = null;
    this.banner.hidden = true;
    this.input.value = "";
    this.draw();
    this.input.focus();
  }

  /** Sends what is written and attached; what could not be sent stays. */
  async send() {
    if (this.submit.disabled || this.sending) return;
    const text = this.input.value.trim();
    const { id } = this.chat.person;
    const batches = this.attachments.batches();
    const edited = this.edited;
    this.#busy(true);
    const done = await this.#try(async () => {
      if (edited) await api.rewrite(id, edited.message_id, text);
      else if (batches.length) await sendAll(id, batches, text);
      else await api.write(id, text);
    });
    this.#busy(false);
    if (done) this.#clear();
    this.chat.toEnd();
    this.input.focus();
  }

  #busy(sending) {
    this.sending = sending;
    this.input.readOnly = sending;
    this.submit.classList.toggle("busy", sending);
  }

  #clear() {
    this.attachments.clear();
    this.#stopEditing();
  }

  /** Sends a text as if it had been written, and leaves alone what is being written. */
  async sendText(text) {
    await this.#try(() => api.write(this.chat.person.id, text));
    if (this.input.value.startsWith("/")) this.input.value = "";
    this.draw();
    this.chat.toEnd();
  }

  async #try(act) {
    try {
      await act();
      return true;
    } catch (error) {
      this.chat.tell(error.message);
      return false;
    }
  }
}

/** The caption goes with the first batch. */
async function sendAll(id, batches, caption) {
  for (const [place, { files, as }] of batches.entries()) await api.sendFiles(id, files, place ? "" : caption, as);
}
