// The team: who may sign in, as what; everybody's own password; one more browser.

import "./team.css";
import { ApiError, asked } from "./api";
import type { App, Page } from "./app";
import { fill, h } from "./dom";
import { signOut } from "./login";
import type { components } from "./openapi";

type Account = components["schemas"]["AccountOut"];
type Role = Account["role"];

const WHAT_ROLES_MAY = "Readers label the cells they are given. Owners also see what all readers did, start runs and keep accounts.";

export const page: Page = async (root, app) => {
  const parts = [h("h1", {}, "Team"), whoIsHere(app)];
  const accounts = h("section", { className: "team-accounts" });
  if (app.session.role === "owner") parts.push(accounts);
  fill(root, h("div", { className: "team" }, ...parts));
  if (app.session.role === "owner") await listAccounts(app, accounts);
  return () => {};
};

function whoIsHere(app: App): HTMLElement {
  const { reader, role, is_local: isLocal } = app.session;
  const words = isLocal
    ? `You are ${reader}, the person at this computer. Nobody else can reach this server.`
    : `You are signed in as ${reader}, ${role === "owner" ? "an owner" : "a reader"}.`;
  return h(
    "section",
    {},
    h("p", { className: "team-who" }, words),
    isLocal ? moreBrowsers(app) : ownPassword(app),
    isLocal ? null : h("p", {}, h("button", { type: "button", onclick: () => void leave(app) }, "Sign out")),
  );
}

async function leave(app: App): Promise<void> {
  const n = app.outbox.nWaiting;
  const kept = `${n === 1 ? "1 label waits" : `${n} labels wait`} in this browser and will be sent when you sign in here again. Sign out now?`;
  if (n && !confirm(kept)) return;
  await told(app, signOut());
}

function moreBrowsers(app: App): HTMLElement {
  const shown = h("output", { className: "team-link" });
  const make = async (): Promise<void> => {
    const made = await told(app, asked(app.api.POST("/api/link")));
    if (made) fill(shown, h("code", {}, made.link), " works once, on this computer.");
  };
  return h("p", {}, h("button", { type: "button", onclick: () => void make() }, "Link for one more browser"), " ", shown);
}

function ownPassword(app: App): HTMLElement {
  const present = secret("current-password");
  const first = secret("new-password");
  const again = secret("new-password");
  const form = h(
    "form",
    { className: "team-form" },
    h("label", {}, "Present password", present),
    h("label", {}, "New password, 12 characters or more", first),
    h("label", {}, "New password once more", again),
    h("button", { type: "submit" }, "Change my password"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (first.value !== again.value) return app.say("the two new passwords differ; type them again", "problem");
    const sent = app.api.POST("/api/accounts/{name}/password", {
      params: { path: { name: app.session.reader } },
      body: { password: first.value, present: present.value },
    });
    void told(app, asked(sent)).then((done) => {
      if (!done) return;
      form.reset();
      app.say("password changed; you are signed out everywhere else");
    });
  });
  return h("details", {}, h("summary", {}, "Change my password"), form);
}

async function listAccounts(app: App, place: HTMLElement): Promise<void> {
  const again = (): Promise<void> => listAccounts(app, place);
  const found = await told(app, asked(app.api.GET("/api/accounts")));
  if (!found) return;
  const heads = ["Name", "May", "State", "Added", "New password"].map((text) => h("th", { scope: "col" }, text));
  const table = h(
    "table",
    { className: "team-table" },
    h("thead", {}, h("tr", {}, ...heads)),
    h("tbody", {}, ...found.map((account) => row(app, account, again))),
  );
  const none = h("p", {}, "Nobody yet. Add an owner first, then start the server with ", h("code", {}, "--accounts"), ".");
  fill(
    place,
    h("h2", {}, "Accounts"),
    h("p", { className: "team-note" }, WHAT_ROLES_MAY),
    found.length ? table : none,
    h("h2", {}, "Add somebody"),
    newAccount(app, again),
  );
}

function row(app: App, account: Account, again: () => Promise<void>): HTMLElement {
  const path = { path: { name: account.name } };
  const role = roleChoice(account.role, `What ${account.name} may do`);
  role.onchange = () =>
    void told(app, asked(app.api.POST("/api/accounts/{name}/role", { params: path, body: { role: role.value as Role } })))
      .then((done) => done && app.say(`${account.name} is ${done.role === "owner" ? "an owner" : "a reader"} now`))
      .then(again);
  const active = h("button", { type: "button" }, account.is_active ? `Disable ${account.name}` : `Enable ${account.name}`);
  active.onclick = () =>
    void told(app, asked(app.api.POST("/api/accounts/{name}/active", { params: path, body: { is_active: !account.is_active } })))
      .then((done) => done && app.say(done.is_active ? `${done.name} may sign in again` : `${done.name} is signed out and may not sign in; the labels stay`))
      .then(again);
  const isOwn = account.name === app.session.reader && !app.session.is_local;
  return h(
    "tr",
    { className: account.is_active ? "" : "team-off" },
    h("th", { scope: "row" }, account.name),
    h("td", {}, role),
    h("td", {}, h("span", { className: "team-state" }, account.is_active ? "✓ active" : "✕ disabled"), active),
    h("td", {}, account.made_at.slice(0, 10)),
    h("td", {}, isOwn ? "see above" : newPassword(app, account)),
  );
}

function newPassword(app: App, account: Account): HTMLElement {
  const password = secret("new-password", `New password of ${account.name}`);
  const form = h("form", { className: "team-inline" }, password, h("button", { type: "submit" }, "Set"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const sent = app.api.POST("/api/accounts/{name}/password", {
      params: { path: { name: account.name } },
      body: { password: password.value },
    });
    void told(app, asked(sent)).then((done) => {
      if (!done) return;
      form.reset();
      app.say(`${account.name} has a new password and is signed out everywhere`);
    });
  });
  return form;
}

function newAccount(app: App, again: () => Promise<void>): HTMLElement {
  const name = h("input", { required: true, maxLength: 80, autocomplete: "off", spellcheck: false });
  const password = secret("new-password");
  const role = roleChoice("reader", "");
  const form = h(
    "form",
    { className: "team-form" },
    h("label", {}, "Name, as it stands on the labels", name),
    h("label", {}, "First password, 12 characters or more", password),
    h("label", {}, "May", role),
    h("button", { type: "submit" }, "Add"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = { name: name.value, password: password.value, role: role.value as Role };
    void told(app, asked(app.api.POST("/api/accounts", { body }))).then((done) => {
      if (!done) return;
      app.say(`${done.name} may sign in; tell the password by another way than e-mail`);
      void again();
    });
  });
  return form;
}

function roleChoice(chosen: Role, label: string): HTMLSelectElement {
  const select = h(
    "select",
    label ? { aria: { label } } : {},
    h("option", { value: "reader" }, "label (reader)"),
    h("option", { value: "owner" }, "do all (owner)"),
  );
  select.value = chosen;
  return select;
}

function secret(autocomplete: "new-password" | "current-password", label = ""): HTMLInputElement {
  return h("input", {
    type: "password",
    required: true,
    minLength: autocomplete === "new-password" ? 12 : 1,
    maxLength: 1000,
    autocomplete,
    placeholder: label ? "new password" : "",
    aria: label ? { label } : {},
  });
}

/** Return what was done, or say why it was not and return null. */
async function told<T>(app: App, work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    app.say(error instanceof ApiError ? error.message : String(error), "problem");
    return null;
  }
}
