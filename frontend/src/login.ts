// Signing in: a dialog over the page, so that nothing on it is lost when a session ends.

import "./login.css";
import { api, ApiError, asked } from "./api";
import type { Session } from "./app";
import { fill, h } from "./dom";

interface Wish {
  /** Who was signed in until now; the name is filled in. */
  reader?: string;
  /** Labels that wait in this browser. */
  nWaiting?: number;
}

let asking: Promise<Session> | null = null;

/** Ask until somebody is signed in. Two calls at a time share one dialog. */
export function signIn(wish: Wish = {}): Promise<Session> {
  asking ??= ask(wish).finally(() => {
    asking = null;
  });
  return asking;
}

/** Sign out and show the sign-in again. */
export async function signOut(): Promise<void> {
  await asked(api.POST("/api/leave"));
  location.reload();
}

async function ask(wish: Wish): Promise<Session> {
  const { has_accounts: hasAccounts } = await waysIn();
  const said = h("p", { className: "login-said", aria: { role: "alert" } });
  const dialog = h("dialog", { className: "login", aria: { labelledby: "login-title" } });
  const before = dialog.ownerDocument.activeElement;
  document.body.append(dialog);
  try {
    return await new Promise<Session>((resolve) => {
      const done = (session: Session): void => resolve(session);
      fill(
        dialog,
        h("h2", { id: "login-title" }, wish.reader ? "Sign in again" : "Sign in"),
        h("p", { className: "login-note" }, noteOf(wish)),
        hasAccounts ? byPassword(wish, said, done) : byLink(said, done),
        said,
        h("p", { className: "login-research" }, "rimlight · research use only"),
      );
      // The page behind must not be used by somebody who is not signed in.
      dialog.addEventListener("cancel", (event) => event.preventDefault());
      dialog.showModal();
      dialog.querySelector<HTMLElement>("input[data-first], button")?.focus();
    });
  } finally {
    dialog.close();
    dialog.remove();
    if (before instanceof HTMLElement) before.focus();
  }
}

function noteOf({ reader, nWaiting = 0 }: Wish): string {
  if (!reader) return "Your labels are kept under your own name.";
  if (!nWaiting) return "Your session has ended. Everything you did is saved.";
  const labels = nWaiting === 1 ? "1 label waits" : `${nWaiting} labels wait`;
  return `Your session has ended. ${labels} in this browser and will be sent when ${reader} is signed in again.`;
}

function byPassword(wish: Wish, said: HTMLElement, done: (session: Session) => void): HTMLElement {
  const name = h("input", {
    name: "username",
    autocomplete: "username",
    required: true,
    maxLength: 80,
    value: wish.reader ?? "",
    spellcheck: false,
    data: wish.reader ? {} : { first: "" },
  });
  const password = h("input", {
    name: "password",
    type: "password",
    autocomplete: "current-password",
    required: true,
    maxLength: 1000,
    data: wish.reader ? { first: "" } : {},
  });
  const button = h("button", { type: "submit", className: "login-go" }, "Sign in");
  const form = h(
    "form",
    { className: "login-form" },
    h("label", {}, "Name", name),
    h("label", {}, "Password", password),
    button,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    button.disabled = true;
    said.textContent = "";
    asked(api.POST("/api/sign-in", { body: { name: name.value.trim(), password: password.value } }))
      .then(done)
      .catch((error: unknown) => {
        said.textContent = error instanceof ApiError ? error.message : String(error);
        password.value = "";
        password.focus();
      })
      .finally(() => {
        button.disabled = false;
      });
  });
  return form;
}

function byLink(said: HTMLElement, done: (session: Session) => void): HTMLElement {
  const look = async (isAsked: boolean): Promise<void> => {
    try {
      const session = await asked(api.GET("/api/session"));
      removeEventListener("focus", onFocus);
      done(session);
    } catch (error) {
      if (isAsked) said.textContent = error instanceof ApiError ? error.message : String(error);
    }
  };
  // The link opened in another tab signs this one in, too.
  const onFocus = (): void => void look(false);
  addEventListener("focus", onFocus);
  const button = h("button", { type: "button", className: "login-go", onclick: () => void look(true) }, "Try again");
  return h(
    "div",
    { className: "login-form" },
    h("p", {}, "Open the link that ", h("code", {}, "rimlight serve"), " printed last: each link works once. Then come back here."),
    button,
  );
}

async function waysIn(): Promise<{ has_accounts: boolean }> {
  for (;;) {
    try {
      return await asked(api.GET("/api/ways-in"));
    } catch {
      // No server yet: it is asked again until it answers.
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}
