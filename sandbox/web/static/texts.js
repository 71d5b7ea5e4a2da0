// The page's own sentences. What the bot says comes from the bot.

const TEXTS = {
  ru: {
    title: "Песочница",
    notice: "это не Telegram: ничего не уходит в сеть",
    botOnline: "бот на связи",
    botOffline: "нет связи с ботом",
    noConnection: "нет связи",
    lost: "Нет связи с песочницей. Подключаюсь снова…",
    language: "Язык страницы",
    people: "Собеседники бота",
    addPerson: "Новый собеседник",
    personName: "Имя",
    personLanguage: "Язык собеседника",
    add: "Добавить",
    cancel: "Отмена",
    firstPerson: "Продавец",
    chatOf: "Чат: {name}",
    writesAs: "вы пишете как {name}",
    typing: "печатает…",
    upload_photo: "отправляет фото…",
    upload_document: "отправляет файл…",
    unread: "непрочитанных: {count}",
    hide: "Убрать колонку",
    more: "Ещё",
    block: "Заблокировать бота",
    unblock: "Разблокировать бота",
    changeLanguage: "Перейти на {language}",
    ru: "русский",
    en: "английский",
    messages: "Сообщения",
    empty: "Здесь пока пусто. Нажмите «Начать» или пришлите фотографии вещи.",
    start: "Начать",
    newMessages: "Вниз, к новым сообщениям",
    edited: "изменено",
    today: "Сегодня",
    yesterday: "Вчера",
    photo: "Фото",
    photoOf: "Фото {number} из {count}",
    animation: "Анимация",
    file: "Файл",
    download: "Скачать {name}",
    unfold: "Показать полностью",
    fold: "Свернуть",
    copy: "Копировать",
    copied: "Скопировано",
    edit: "Изменить",
    editing: "Изменение сообщения",
    stopEditing: "Не изменять",
    commands: "Команды бота",
    menu: "Меню",
    attach: "Прикрепить фото или файлы",
    attachments: "Вложения",
    remove: "Убрать {name}",
    asFiles: "Без сжатия, как файлы",
    write: "Сообщение",
    caption: "Добавить подпись",
    send: "Отправить",
    save: "Сохранить",
    drop: "Отпустите, чтобы прикрепить",
    close: "Закрыть",
    ok: "Хорошо",
    noAnswer: "Бот не ответил на нажатие",
    badSize: "«{name}» не отправить: файл пуст или больше {limit} МБ",
    failed: "Не получилось: {reason}",
  },
  en: {
    title: "Sandbox",
    notice: "this is not Telegram: nothing leaves this computer",
    botOnline: "the bot is online",
    botOffline: "no connection to the bot",
    noConnection: "no connection",
    lost: "No connection to the sandbox. Connecting again…",
    language: "Language of the page",
    people: "People who talk to the bot",
    addPerson: "New person",
    personName: "Name",
    personLanguage: "Their language",
    add: "Add",
    cancel: "Cancel",
    firstPerson: "Seller",
    chatOf: "Chat: {name}",
    writesAs: "you write as {name}",
    typing: "typing…",
    upload_photo: "sending a photo…",
    upload_document: "sending a file…",
    unread: "unread: {count}",
    hide: "Hide this column",
    more: "More",
    block: "Block the bot",
    unblock: "Unblock the bot",
    changeLanguage: "Switch to {language}",
    ru: "Russian",
    en: "English",
    messages: "Messages",
    empty: "Nothing here yet. Press “Start” or send photos of a thing.",
    start: "Start",
    newMessages: "Down to the new messages",
    edited: "edited",
    today: "Today",
    yesterday: "Yesterday",
    photo: "Photo",
    photoOf: "Photo {number} of {count}",
    animation: "Animation",
    file: "File",
    download: "Download {name}",
    unfold: "Show all",
    fold: "Show less",
    copy: "Copy",
    copied: "Copied",
    edit: "Edit",
    editing: "Editing the message",
    stopEditing: "Do not edit",
    commands: "Commands of the bot",
    menu: "Menu",
    attach: "Attach photos or files",
    attachments: "Attachments",
    remove: "Remove {name}",
    asFiles: "Uncompressed, as files",
    write: "Message",
    caption: "Add a caption",
    send: "Send",
    save: "Save",
    drop: "Drop to attach",
    close: "Close",
    ok: "OK",
    noAnswer: "The bot did not answer the press",
    badSize: "“{name}” cannot be sent: the file is empty or larger than {limit} MB",
    failed: "It did not work: {reason}",
  },
};

const CHOICE = "sandbox.language";

/** The language of the page: what was chosen, else English for a browser that asks for it, else Russian. */
const stored = localStorage.getItem(CHOICE) ?? "";
export const language = stored in TEXTS ? stored : navigator.language.startsWith("en") ? "en" : "ru";

/** Remembers a language and shows the page in it. */
export function chooseLanguage(code) {
  localStorage.setItem(CHOICE, code);
  location.reload();
}

/** A sentence; `details` fill its {places}. */
export function say(code, details = {}) {
  return TEXTS[language][code].replace(/\{(\w+)\}/g, (_, name) => details[name]);
}

/** Whether there is a sentence of this code. */
export function known(code) {
  return code in TEXTS[language];
}

const TIME = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(language, { day: "numeric", month: "long" });

/** @param {number} seconds unix time */
export function timeOf(seconds) {
  return TIME.format(new Date(seconds * 1000));
}

/** @param {number} seconds unix time */
export function dayOf(seconds) {
  const day = new Date(seconds * 1000).toDateString();
  if (day === new Date().toDateString()) return say("today");
  if (day === new Date(Date.now() - 86_400_000).toDateString()) return say("yesterday");
  return DAY.format(new Date(seconds * 1000));
}

/** @param {number} bytes */
export function sizeOf(bytes) {
  const [unit, value] =
    bytes < 1024 ? ["byte", bytes] : bytes < 1024 ** 2 ? ["kilobyte", bytes / 1024] : ["megabyte", bytes / 1024 ** 2];
  return new Intl.NumberFormat(language, { style: "unit", unit, maximumFractionDigits: 1 }).format(value);
}
