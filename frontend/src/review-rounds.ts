// The cells to ask next: rounds drawn from a run, why each cell is in them, and how far they are.

import { ApiError, asked } from "./api";
import type { App } from "./app";
import { fill, h } from "./dom";
import type { components } from "./openapi";
import { day } from "./review-cell";
import { emptyState } from "./review-gate";
import { slidePatch } from "./review-pictures";

type Rounds = components["schemas"]["RoundsOut"];
type Round = components["schemas"]["RoundOut"];
type State = Round["state"];

const STATES: State[] = ["draft", "reviewed", "approved"];
const SIGNS: Record<State, string> = { draft: "○", reviewed: "◐", approved: "●" };
const N_SHOWN = 60;

/** Show the rounds of the study; what it returns stops asking whether a drawing has ended. */
export async function nextCells(place: HTMLElement, app: App, runId: string): Promise<() => void> {
  let timer = 0;
  let isLeft = false;
  let nAsked = 0;
  const n = h("input", { type: "number", min: "1", max: "5000", required: true });
  const drawing = h("div");
  const rounds = h("div", { className: "review-rounds" });
  const ask = async (): Promise<Rounds> => asked(app.api.GET("/api/review/rounds"));
  let shown = "";
  const show = (got: Rounds): void => {
    const isTyping = document.activeElement === n;
    n.value ||= `${got.n_cells}`;
    if (!isTyping) fill(drawing, drawForm(app, runId, got, n, () => void again()));
    if (shown === JSON.stringify(got.rounds)) return;
    shown = JSON.stringify(got.rounds);
    fill(
      rounds,
      ...(got.rounds.length
        ? got.rounds.map((round) => roundCard(app, round, () => void again()))
        : [
            emptyState(
              "No round yet",
              "A round asks for the labels that help most: cells like the confirmed causes, cells that the run is unsure of, and some at random. Draw one above.",
              `rimlight triage STUDY --run ${runId}`,
              null,
            ),
          ]),
    );
  };
  const again = async (): Promise<void> => {
    clearTimeout(timer);
    const mine = (nAsked += 1);
    try {
      const got = await ask();
      if (isLeft || mine !== nAsked) return;
      show(got);
      if (got.drawing?.state === "running") timer = window.setTimeout(() => void again(), 1500);
    } catch (error) {
      app.say(error instanceof ApiError ? error.message : String(error), "problem");
    }
  };
  fill(place, drawing, rounds);
  await again();
  return () => {
    isLeft = true;
    clearTimeout(timer);
  };
}

function drawForm(
  app: App,
  runId: string,
  got: Rounds,
  n: HTMLInputElement,
  again: () => void,
): HTMLElement {
  const isRunning = got.drawing?.state === "running";
  const start = h("button", { type: "submit", disabled: isRunning }, "Draw a round");
  const form = h(
    "form",
    { className: "review-draw" },
    h("label", {}, "Cells ", n),
    start,
    h(
      "p",
      {},
      `Run ${runId} goes through every cell of every slide whose case is not held out and takes ` +
        `${percent(got.shares.cause)} like the confirmed causes, ${percent(got.shares.uncertain)} uncertain and unlike each ` +
        `other, ${percent(got.shares.random)} at random (study.toml, [triage]).`,
    ),
    isRunning
      ? h("p", { aria: { role: "status" } }, drawingWords(got.drawing!))
      : null,
    got.drawing?.state === "failed" ? h("p", { className: "problem" }, got.drawing.sentence) : null,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void (async () => {
      try {
        await asked(app.api.POST("/api/review/rounds", { body: { run: runId, n_cells: n.valueAsNumber } }));
        app.say("drawing the next round");
      } catch (error) {
        app.say(error instanceof ApiError ? error.message : String(error), "problem");
      }
      again();
    })();
  });
  return form;
}

function roundCard(app: App, round: Round, again: () => void): HTMLElement {
  const cells = h("div", { className: "review-round-cells", id: `review-round-${round.round_id}`, hidden: true });
  const open = h(
    "button",
    { type: "button", aria: { expanded: "false", controls: cells.id } },
    "Look at its cells",
  );
  open.addEventListener("click", () => {
    cells.hidden = !cells.hidden;
    open.setAttribute("aria-expanded", String(!cells.hidden));
    if (!cells.hidden && !cells.childElementCount) void fillCells(app, round, cells);
  });
  const put = async (state: State): Promise<void> => {
    try {
      await asked(
        app.api.POST("/api/review/rounds/{round_id}/state", {
          params: { path: { round_id: round.round_id } },
          body: { state },
        }),
      );
      app.say(`round ${round.round_id}: ${state}, saved`);
      again();
    } catch (error) {
      app.say(error instanceof ApiError ? error.message : String(error), "problem");
    }
  };
  const last = round.history.at(-1);
  return h(
    "section",
    { className: "review-round" },
    h("h2", {}, `Round ${round.round_id}`),
    h(
      "p",
      { className: "review-facts" },
      `${round.n_cells} cells, drawn from run ${round.run_id} on ${day(round.made_at)}; ${round.n_answered} answered.`,
    ),
    h(
      "ul",
      { className: "review-why" },
      ...round.shares.map(({ words, n, name }) =>
        h(
          "li",
          {},
          h("b", {}, `${n}`),
          ` ${words}`,
          name === "cause"
            ? h("ul", {}, ...round.causes.map((cause) => h("li", {}, h("b", {}, `${cause.n}`), ` ${cause.words}`)))
            : null,
        ),
      ),
    ),
    h(
      "div",
      { className: "review-state", aria: { role: "group", label: `State of round ${round.round_id}` } },
      ...STATES.map((state) =>
        h(
          "button",
          { type: "button", onclick: () => void put(state), aria: { pressed: String(state === round.state) } },
          `${SIGNS[state]} ${state}`,
        ),
      ),
      h("span", {}, last ? `${last.state} by ${last.reader}, ${day(last.at)}` : "draft since it was drawn"),
    ),
    h(
      "p",
      { className: "review-acts" },
      open,
    ),
    cells,
  );
}

async function fillCells(app: App, round: Round, place: HTMLElement): Promise<void> {
  try {
    const got = await asked(
      app.api.GET("/api/review/rounds/{round_id}/cells", {
        params: { path: { round_id: round.round_id }, query: { n: N_SHOWN } },
      }),
    );
    fill(
      place,
      got.n_hidden
        ? h("p", { className: "review-notice" }, `${got.n_hidden} wait in your own queue and stay hidden until you have labelled them.`)
        : null,
      h(
        "ol",
        { className: "review-tiles" },
        ...got.cells.map((cell) =>
          h(
            "li",
            {},
            h("img", { src: slidePatch(cell, 32, 128), alt: "", loading: "lazy", width: 96, height: 96 }),
            h("span", {}, h("b", {}, `${cell.place}. `), cell.why),
            h("span", { className: "review-row-facts" }, `now called ${cell.call} · ${cell.slide_id}`),
          ),
        ),
      ),
      got.n > got.cells.length ? h("p", {}, `The first ${got.cells.length} of ${got.n}.`) : null,
    );
  } catch (error) {
    fill(place, h("p", { className: "problem" }, error instanceof ApiError ? error.message : String(error)));
  }
}

function percent(share: number | undefined): string {
  return `${Math.round(100 * (share ?? 0))} %`;
}

function drawingWords(drawing: NonNullable<Rounds["drawing"]>): string {
  const { seconds, what, n_done, n_all } = drawing;
  const far = n_all ? `${what === "triage" ? "looking for cells" : what}, part ${n_done} of ${n_all}` : "starting";
  return `Drawing for ${seconds.toFixed(0)} s: ${far}. You may leave this page.`;
}
