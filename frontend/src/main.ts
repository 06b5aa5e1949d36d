// The shell: who is signed in, which page is shown, and the line that says what happened.

import { api, ApiError, asked, onSignedOut } from "./api";
import type { App, Page, Session } from "./app";
import { fill, h } from "./dom";
import { createKeys } from "./keys";
import { attachKeysPage } from "./keys-page";
import { openOutbox } from "./open-outbox";
import { signIn } from "./login";
import { savedLine } from "./saved";

/** `isWithin` names the page whose link stands for one that has none of its own. */
const PAGES: {
  name: string;
  title: string;
  load: () => Promise<{ page: Page }>;
  isWithin?: string;
}[] = [
  { name: "slides", title: "Slides", load: () => import("./slides") },
  { name: "slide", title: "Slide", load: () => import("./slide-page"), isWithin: "slides" },
  { name: "review", title: "Review", load: () => import("./review") },
  { name: "agreement", title: "Agreement", load: () => import("./agreement") },
  { name: "team", title: "Team", load: () => import("./team") },
  { name: "runs", title: "Runs", load: () => import("./runs") },
  { name: "compare", title: "Compare runs", load: () => import("./compare"), isWithin: "runs" },
];

async function start(): Promise<void> {
  let session: Session;
  try {
    session = await asked(api.GET("/api/session"));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) session = await signIn();
    else {
      const text = error instanceof ApiError ? error.message : String(error);
      fill(document.body, h("main", {}, h("h1", {}, "rimlight"), h("p", {}, text)));
      return;
    }
  }
  show(session);
}

function show(session: Session): void {
  let root = h("main", { id: "page" });
  const live = h("div", { className: "said", aria: { live: "polite", role: "status" } });
  const outbox = openOutbox(session);
  let leave = (): void => {};
  let nRoutes = 0;
  const app: App = {
    api,
    session,
    keys: createKeys(),
    outbox,
    say: (text, kind = "done") => {
      live.dataset.kind = kind;
      live.textContent = text;
    },
    go: (page, params = {}) => {
      location.hash = hashOf(page, Object.entries(params));
    },
    note: (params) => {
      const [page, now] = here();
      for (const [name, value] of Object.entries(params)) {
        if (value === null) now.delete(name);
        else now.set(name, String(value));
      }
      history.replaceState(null, "", hashOf(page, [...now]));
    },
  };
  const openKeys = attachKeysPage(app);
  const help = h("button", { type: "button", className: "help", onclick: openKeys }, "Keys (?)");
  const linked = PAGES.filter(({ isWithin }) => !isWithin);
  const links = linked.map(({ name, title }) => h("a", { href: `#/${name}` }, title));
  const nav = h("nav", { aria: { label: "Pages" } }, ...links);
  const who = h("span", { className: "who" }, `${session.study} · ${session.reader}`);
  const research = h("span", { className: "research" }, "Research use only");
  fill(document.body, h("header", {}, h("b", {}, "rimlight"), nav, savedLine(outbox), who, help, research), root, live);

  async function route(): Promise<void> {
    const [name, params] = here();
    const found = PAGES.find((page) => page.name === name) ?? PAGES[0]!;
    leave();
    leave = () => {};
    const mine = (nRoutes += 1);
    const own = h("main", { id: "page" });
    root.replaceWith(own);
    root = own;
    app.say("");
    links.forEach((link, at) => {
      if (linked[at]!.name === (found.isWithin ?? found.name)) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
    try {
      const left = await (await found.load()).page(own, app, params);
      // A page that was slow to come up must not keep its keys when another is shown already.
      if (mine === nRoutes) leave = left;
      else left();
    } catch (error) {
      fill(own, h("p", { className: "problem" }, error instanceof Error ? error.message : ""));
    }
  }
  onSignedOut(() => {
    void signIn({ reader: session.reader, nWaiting: outbox.nWaiting }).then((next) => {
      // Labels that wait are sent under the name they were given by, and by no other.
      if (next.reader === session.reader && next.role === session.role) outbox.wake();
      else location.reload();
    });
  });
  addEventListener("hashchange", () => void route());
  void route();
}

function here(): [string, URLSearchParams] {
  const [name = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return [name, new URLSearchParams(query)];
}

function hashOf(page: string, params: Iterable<[string, string | number]>): string {
  const query = new URLSearchParams([...params].map(([name, value]) => [name, String(value)]));
  return `#/${page}${query.size ? `?${query}` : ""}`;
}

void start();
