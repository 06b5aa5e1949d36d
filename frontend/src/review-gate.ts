// What stands before a review: nothing to look at yet, or a word of warning before it is opened.

import { ApiError, asked } from "./api";
import type { App } from "./app";
import { fill, h } from "./dom";

/** Say what is missing and what makes it; `link` is a page of the workbench. */
export function emptyState(
  title: string,
  text: string,
  command: string | null,
  link: { href: string; text: string } | null,
): HTMLElement {
  return h(
    "section",
    { className: "review-empty" },
    h("h2", {}, title),
    h("p", {}, text),
    link ? h("p", {}, h("a", { className: "review-empty-act", href: link.href }, link.text)) : null,
    command ? h("p", {}, "Or in a terminal: ", h("code", {}, command)) : null,
  );
}

/** Ask before what the model says is shown for good; `open` is called once it may be. */
export function openingNotice(app: App, runId: string | null, open: () => void): HTMLElement {
  const problem = h("p", { className: "problem", hidden: true });
  const what = runId === null ? "what the other readers said" : `what run ${runId} says of the cells`;
  const button = h(
    "button",
    {
      type: "button",
      className: "review-open",
      onclick: async () => {
        button.disabled = true;
        try {
          await asked(app.api.POST("/api/review/disclose", { body: { run: runId } }));
          open();
        } catch (error) {
          button.disabled = false;
          problem.hidden = false;
          fill(problem, error instanceof ApiError ? error.message : String(error));
        }
      },
    },
    runId === null ? "Show what the others said" : `Open the review of run ${runId}`,
  );
  return h(
    "section",
    { className: "review-empty" },
    h("h2", {}, "Before you open it"),
    h(
      "p",
      {},
      `This shows you ${what}. You cannot unsee it: from then on your own labels of these cells ` +
        "are marked as given with it seen, and that you opened it is kept with your name and the time.",
    ),
    h(
      "p",
      {},
      "Cells that still wait in your own queue stay hidden until you have labelled them. " +
        "If you are still reading cells for this study, finish that first.",
    ),
    button,
    problem,
  );
}
