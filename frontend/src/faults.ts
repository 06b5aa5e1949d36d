// Says once, in plain words, why squares of the picture are missing.

import { h } from "./dom";
import type { Viewer } from "./viewer";

export function attachFaults(view: Viewer): () => void {
  const text = h("span", {});
  const close = h("button", { type: "button" }, "Understood");
  const box = h("div", { className: "faults", hidden: true, aria: { role: "alert" } }, text, close);
  view.frame.append(box);
  let seen: string | null = null;
  close.onclick = () => {
    box.hidden = true;
  };
  const say = (sentence: string | null): void => {
    if (sentence === null) {
      box.hidden = true;
      if (seen) view.app.say("the picture is complete again");
      seen = null;
      return;
    }
    if (sentence === seen) return;
    seen = sentence;
    text.textContent = sentence;
    box.hidden = false;
  };
  const stop = view.onFault(say);
  const notice = view.opened.fault ?? view.opened.notices[0];
  if (notice) say(notice);
  return () => {
    stop();
    box.remove();
  };
}
