// The outbox of the reader who is signed in, sending to the server of this page.

import { api, ApiError, asked } from "./api";
import type { Session } from "./app";
import type { NewLabel, Outbox } from "./outbox";
import { createOutbox } from "./sending";
import { openShelf } from "./shelf";

const PATIENCE_MS = 20_000;

/** Open the outbox of a reader; what an earlier page left in it is sent. */
export function openOutbox(session: Session): Outbox {
  const name = `rimlight labels: ${session.study}: ${session.reader}`;
  const outbox = createOutbox({
    shelf: openShelf(name),
    send: sender(session),
    alone: async (run) => {
      if ("locks" in navigator) await navigator.locks.request(name, run);
      else await run();
    },
    later: (run, wait_ms) => {
      const timer = setTimeout(run, wait_ms);
      return () => clearTimeout(timer);
    },
  });
  addEventListener("online", () => outbox.wake());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && outbox.nWaiting) outbox.wake();
  });
  addEventListener("beforeunload", (event) => {
    if (outbox.nWaiting && !outbox.isLasting) event.preventDefault();
  });
  return outbox;
}

function sender(session: Session): (labels: NewLabel[]) => Promise<void> {
  let isSure = true;
  return async (labels) => {
    try {
      if (!isSure) await checkReader(session);
      isSure = true;
      const body = { labels: labels.map(forServer) };
      const signal = AbortSignal.timeout(PATIENCE_MS);
      await asked(api.POST("/api/labels", { body, signal }));
    } catch (error) {
      isSure = false;
      throw error;
    }
  };
}

/** After a failure somebody else may have signed in: labels are never sent under another name. */
async function checkReader(session: Session): Promise<void> {
  const now = await asked(api.GET("/api/session"));
  if (now.reader === session.reader && now.study === session.study) return;
  const kept = `the labels of ${session.reader} are kept until ${session.reader} signs in again`;
  throw new ApiError(401, `${now.reader} is signed in to ${now.study} now; ${kept}`);
}

function forServer({ cell, before: _before, ...label }: NewLabel) {
  return { ...label, ...cell };
}
