// The sandbox's own HTTP API. Every function throws an Error whose message says what went wrong.

import { say } from "./texts.js";

const TIMED_OUT = 504;

async function ask(method, path, body) {
  const isForm = body instanceof FormData;
  const headers = body && !isForm ? { "Content-Type": "application/json" } : {};
  const response = await fetch(`sandbox/${path}`, { method, headers, body: isForm ? body : body && JSON.stringify(body) });
  const type = response.headers.get("Content-Type") ?? "";
  const answer = type.startsWith("application/json") ? await response.json() : {};
  if (response.status === TIMED_OUT) throw new Error(say("noAnswer"));
  if (!response.ok) throw new Error(say("failed", { reason: answer.error ?? response.status }));
  return answer;
}

export const bot = () => ask("GET", "bot");
export const commands = (id) => ask("GET", `bot?user=${id}`).then((bot) => bot.commands);
export const people = () => ask("GET", "users");
export const addPerson = (name, language) => ask("POST", "users", { name, language });
export const changePerson = (id, language) => ask("PATCH", `users/${id}`, { language });
export const block = (id, blocked) => ask("POST", `users/${id}/blocked`, { blocked });
export const messages = (id) => ask("GET", `users/${id}/messages`);
export const write = (id, text) => ask("POST", `users/${id}/messages`, { text });
export const rewrite = (id, messageId, text) => ask("PATCH", `users/${id}/messages/${messageId}`, { text });
export const press = (id, messageId, data) => ask("POST", `users/${id}/callbacks`, { message_id: messageId, data });

/** Sends up to ten files; several make an album. `as` is "photo" or "document". */
export function sendFiles(id, files, caption, as) {
  const form = new FormData();
  for (const file of files) form.append("files", file, file.name);
  form.append("caption", caption);
  form.append("as", as);
  return ask("POST", `users/${id}/files`, form);
}

const RETRY_MS = 1500;

/**
 * Listens to everything that happens, and again after the connection was lost.
 * @param {{opened: () => void, lost: () => void, happened: (name: string, user: number|null, data: object) => void}} doors
 */
export function listen(doors) {
  const source = new EventSource("sandbox/events");
  source.addEventListener("open", doors.opened);
  source.addEventListener("error", () => {
    doors.lost();
    // A browser tries again by itself unless the answer was not a stream at all.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(doors), RETRY_MS);
  });
  for (const name of ["message", "edited", "deleted", "action", "commands", "callback", "user"]) {
    source.addEventListener(name, ({ data }) => {
      const { user, ...rest } = JSON.parse(data);
      doors.happened(name, user, rest);
    });
  }
}
