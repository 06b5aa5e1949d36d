import { beforeEach, describe, expect, test } from "vitest";
import { ApiError } from "../src/api";
import { newId } from "../src/outbox";
import type { Expression, NewLabel, Outbox } from "../src/outbox";
import { createOutbox } from "../src/sending";
import type { Parts } from "../src/sending";
import type { Kept, News, Shelf } from "../src/shelf";

/** The browser: one store and one lock for all tabs; tabs hear each other. */
class Browser {
  readonly store = new Map<string, Kept>();
  readonly timers: (() => void)[] = [];
  isBroken = false;
  private readonly ears: ((news: News) => void)[] = [];
  private last: Promise<void> = Promise.resolve();

  tab(server: Server): Outbox {
    const at = this.ears.length;
    const store = this.store;
    const work = async <T>(run: () => T): Promise<T> => {
      await Promise.resolve();
      if (this.isBroken) throw new Error("no space");
      return run();
    };
    const browser = this;
    const shelf: Shelf = {
      get isLasting() {
        return !browser.isBroken;
      },
      all: () => work(() => [...store.values()].sort((a, b) => (a.key < b.key ? -1 : 1))),
      put: (entry) => work(() => void store.set(entry.key, structuredClone(entry))),
      drop: (key) => work(() => void store.delete(key)),
      tell: (news) => this.ears.forEach((hear, ear) => ear !== at && hear(structuredClone(news))),
      hear: (run) => void (this.ears[at] = run),
    };
    return createOutbox({ shelf, send: (labels) => server.take(labels), alone: (run) => this.alone(run), later: this.later });
  }
  private alone(run: () => Promise<void>): Promise<void> {
    const mine = this.last.then(run);
    this.last = mine.catch(() => {});
    return mine;
  }
  private readonly later: Parts["later"] = (run) => {
    this.timers.push(run);
    return () => {
      const at = this.timers.indexOf(run);
      if (at >= 0) this.timers.splice(at, 1);
    };
  };
  /** Let the waiting time of the back-off pass. */
  async pass(): Promise<void> {
    for (const run of this.timers.splice(0)) run();
    await settle();
  }
}

type Mood = "up" | "down" | "loses the reply" | number;

class Server {
  readonly stored = new Map<string, NewLabel>();
  readonly order: string[] = [];
  readonly requests: NewLabel[][] = [];
  moods: Mood[] = [];
  mood: Mood = "up";
  nAtOnce = 0;
  most = 0;

  async take(labels: NewLabel[]): Promise<void> {
    this.nAtOnce += 1;
    this.most = Math.max(this.most, this.nAtOnce);
    await Promise.resolve();
    await Promise.resolve();
    this.nAtOnce -= 1;
    this.requests.push(labels);
    const mood = this.moods.shift() ?? this.mood;
    if (mood === "down") throw new ApiError(0, "the server does not answer");
    if (typeof mood === "number") throw new ApiError(mood, `said ${mood}`);
    for (const label of labels) {
      if (!this.stored.has(label.label_id)) this.order.push(label.cell.cell_id);
      this.stored.set(label.label_id, label);
    }
    if (mood === "loses the reply") throw new ApiError(0, "the server does not answer");
  }
}

function label(cell_id: string, expression: Expression | null = "weak", act_id = newId()): NewLabel {
  const cell = { cell_id, slide_id: "s1", x_l0: 1, y_l0: 2 };
  return { label_id: newId(), cell, expression, made_at: "2026-11-24T10:00:00Z", mode: "queue", act_id };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 400; turn += 1) await Promise.resolve();
}

let browser: Browser;
let server: Server;
beforeEach(() => {
  browser = new Browser();
  server = new Server();
});

describe("one tab", () => {
  test("a label is kept before it counts, sent, and forgotten once it is acknowledged", async () => {
    const outbox = browser.tab(server);
    const adding = outbox.add([label("a")]);
    expect(server.stored.size).toBe(0);
    await adding;
    expect(browser.store.size).toBe(1);
    await settle();
    expect([outbox.nSaved, outbox.nWaiting, browser.store.size]).toEqual([1, 0, 0]);
    expect(outbox.lastSavedAt).not.toBeNull();
  });

  test("labels arrive in the order in which they were given, one act a request", async () => {
    const outbox = browser.tab(server);
    for (const cell of ["a", "b", "c", "d"]) void outbox.add([label(cell)]);
    await settle();
    expect(server.order).toEqual(["a", "b", "c", "d"]);
    expect(server.requests.map((request) => request.length)).toEqual([1, 1, 1, 1]);
  });

  test("an act on many cells is one request, and more than a thousand are several", async () => {
    const outbox = browser.tab(server);
    const many = Array.from({ length: 1001 }, (_, at) => label(`c${at}`, "weak", "one-act"));
    await outbox.add(many);
    await settle();
    expect(server.requests.map((request) => request.length)).toEqual([1000, 1]);
  });

  test("a label whose reply was lost is sent again and stored once", async () => {
    const outbox = browser.tab(server);
    server.moods = ["loses the reply"];
    await outbox.add([label("a")]);
    await settle();
    expect([outbox.nSaved, outbox.nWaiting]).toEqual([0, 1]);
    await browser.pass();
    expect([outbox.nSaved, outbox.nWaiting]).toEqual([1, 0]);
    expect(server.requests.length).toBe(2);
    expect(server.order).toEqual(["a"]);
  });

  test("nothing is lost, doubled or turned round when one request in three fails", async () => {
    const outbox = browser.tab(server);
    const cells = Array.from({ length: 60 }, (_, at) => `c${at}`);
    server.moods = cells.flatMap((_, at): Mood[] => (at % 3 ? ["up"] : [at % 2 ? "down" : "loses the reply", 503]));
    for (const cell of cells) void outbox.add([label(cell)]);
    for (let turn = 0; turn < 60; turn += 1) await browser.pass();
    expect(server.order).toEqual(cells);
    expect([outbox.nSaved, outbox.nWaiting, outbox.problem]).toEqual([60, 0, null]);
  });

  test.each([0, 401, 403, 429, 500, 503, 507])("status %i keeps everything, says why and tries again", async (status) => {
    const outbox = browser.tab(server);
    server.mood = status;
    await outbox.add([label("a")]);
    await outbox.add([label("b")]);
    await settle();
    expect([outbox.nWaiting, outbox.nRefused, outbox.problem]).toEqual([2, 0, `said ${status}`]);
    server.mood = "up";
    await browser.pass();
    expect([outbox.nWaiting, outbox.problem]).toEqual([0, null]);
    expect(server.order).toEqual(["a", "b"]);
  });

  test("a new label does not press a server that has just failed, and waking does", async () => {
    const outbox = browser.tab(server);
    server.mood = "down";
    await outbox.add([label("a")]);
    await settle();
    await outbox.add([label("b")]);
    await settle();
    expect(server.requests.length).toBe(1);
    server.mood = "up";
    outbox.wake();
    await settle();
    expect(server.order).toEqual(["a", "b"]);
  });

  test.each([404, 409, 422])("status %i sets one act aside and does not hold up the others", async (status) => {
    const outbox = browser.tab(server);
    server.moods = [status];
    await outbox.add([label("bad")]);
    await outbox.add([label("good")]);
    await settle();
    expect([outbox.nSaved, outbox.nWaiting, outbox.nRefused]).toEqual([1, 0, 1]);
    expect(outbox.refused()[0]?.sentence).toBe(`said ${status}`);
    expect(browser.store.size).toBe(1);
    await outbox.sendRefused();
    await settle();
    expect([outbox.nRefused, browser.store.size]).toEqual([0, 0]);
    expect(server.order).toEqual(["good", "bad"]);
  });
});

describe("a page that ends", () => {
  test("leaves its labels to the next page, which sends them first", async () => {
    server.mood = "down";
    const before = browser.tab(server);
    await before.add([label("a"), label("b")]);
    await settle();
    browser.timers.length = 0;
    server.mood = "up";
    const after = browser.tab(server);
    void after.ready.then(() => after.add([label("c")]));
    await settle();
    expect(server.order).toEqual(["a", "b", "c"]);
    expect(browser.store.size).toBe(0);
  });

  test("between the answer and forgetting the label sends it again, stored once", async () => {
    const given = label("a");
    browser.store.set("1", { key: "1", labels: [given] });
    server.stored.set(given.label_id, given);
    const outbox = browser.tab(server);
    await settle();
    expect(server.stored.size).toBe(1);
    expect([outbox.nSaved, browser.store.size]).toEqual([1, 0]);
  });

  test("what still waits is known after a reload, so that it can be shown", async () => {
    server.mood = "down";
    await browser.tab(server).add([label("a", "strong")]);
    const after = browser.tab(server);
    await after.ready;
    expect(after.waiting().map(({ cell, expression }) => [cell.cell_id, expression])).toEqual([["a", "strong"]]);
  });
});

describe("two tabs of one reader", () => {
  test("never send at the same time, and all arrives once", async () => {
    const [left, right] = [browser.tab(server), browser.tab(server)];
    for (let at = 0; at < 20; at += 1) void (at % 2 ? left : right).add([label(`c${at}`)]);
    await settle();
    await settle();
    expect(server.most).toBe(1);
    expect(server.requests.length).toBe(20);
    for (const rest of [0, 1]) {
      const own = server.order.map((cell) => Number(cell.slice(1))).filter((at) => at % 2 === rest);
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
    expect(new Set(server.order).size).toBe(20);
    expect([left.nWaiting, right.nWaiting, left.nSaved, right.nSaved]).toEqual([0, 0, 20, 20]);
  });

  test("each hears what the other was given", async () => {
    const [left, right] = [browser.tab(server), browser.tab(server)];
    const heard: string[] = [];
    right.onAdded((labels) => heard.push(...labels.map(({ cell }) => cell.cell_id)));
    await left.add([label("a")]);
    expect(heard).toEqual(["a"]);
  });
});

describe("a browser that keeps nothing", () => {
  test("says so before labels count, and still sends them", async () => {
    browser.isBroken = true;
    const outbox = browser.tab(server);
    await outbox.add([label("a")]);
    expect(outbox.isLasting).toBe(false);
    expect(outbox.problem).toMatch(/keeps nothing/);
    await settle();
    expect([outbox.nSaved, outbox.nWaiting]).toEqual([1, 0]);
  });
});

test("ids have the form of a random UUID and differ", () => {
  expect(newId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(newId()).not.toBe(newId());
});
